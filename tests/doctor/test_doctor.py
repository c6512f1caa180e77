"""``harness doctor`` as people call it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from harness.cli import app
from harness.machine.host import Host
from tests.doctor.machines import machine

BUSY = {"proc/loadavg": "3.00 0 0 1/81 3", "proc/sys/kernel/randomize_va_space": None}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is one that is busy and does not tell all."""
    host = machine(tmp_path / "root", BUSY)
    monkeypatch.setattr(Host, "here", lambda: host)


def doctor(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments], env={"COLUMNS": "80", **env})


def statuses(result: Result) -> dict[str, Any]:
    return {check["name"]: check["status"] for check in json.loads(result.stdout)}


@pytest.mark.usefixtures("here")
def test_warnings_come_first_with_their_advice_and_exit_code_0() -> None:
    done = doctor()
    assert done.exit_code == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    rows = [line.split("  ")[0] for line in lines[3:6]]
    assert rows == ["load average", "→ End what else is running, and wait a minute.", "ASLR"]
    assert done.stdout.splitlines()[-1].startswith("1 warn, 1 unknown, 13 ok. Name a scenario")


@pytest.mark.usefixtures("here")
def test_a_narrow_terminal_loses_nothing() -> None:
    words = " ".join(doctor(COLUMNS="50").stdout.split())
    assert all(check in words for check in ("load average", "virtualisation", "unknown", "throttling", "backlog"))
    assert "…" not in words


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_that_want_them(env: dict[str, str], coloured: bool) -> None:
    done = doctor(FORCE_COLOR="1", TERM="xterm", **env)
    assert ("\x1b[33mwarn" in done.stdout) is coloured


@pytest.mark.usefixtures("here")
def test_json_is_the_list_of_checks() -> None:
    done = doctor("--json")
    assert done.exit_code == 0
    checks = json.loads(done.stdout)
    assert [set(check) for check in checks] == [{"name", "status", "what", "advice"}] * 15
    assert {name for name, status in statuses(done).items() if status != "ok"} == {"load average", "ASLR"}


@pytest.mark.usefixtures("here")
def test_a_scenario_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "many.toml"
    file.write_text(
        'name = "many"\n[load]\nconnections = 5000\n[[topology]]\nname = "one"\ncommand = ["a", "{port}"]\n'
    )
    found = statuses(doctor(str(file), "--json"))
    assert {name for name, status in found.items() if status == "warn"} == {"load average", "open files", "backlog"}


def test_a_scenario_that_cannot_be_used_is_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('name = "bad"\n')
    done = doctor(str(file))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "topology: expected, but missing" in done.stderr


def test_it_starts_without_what_reports_need() -> None:
    code = (
        "import sys, harness.doctor.checkup, harness.cli.doctor;"
        "print(*{name.partition('.')[0] for name in sys.modules} & {'scipy', 'pandas', 'matplotlib', 'statsmodels'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
