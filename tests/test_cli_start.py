"""The command line before anything runs: help, version, completion, and how little it needs for them."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

import harness.cli.measuring
from harness.cli import app

HEAVY = ("bokeh", "jinja2", "matplotlib", "numpy", "pandas", "psutil", "scipy")
SCENARIO = """
name = "one"
[load]
connections = 4
[[topology]]
name = "one"
command = ["{harness_python}", "-m", "http.server", "{port}"]
"""


@pytest.mark.parametrize("words", ["--help", "-h", "compare --help", "load -h", "plan -h"])
def test_help_is_there_by_either_name(words: str) -> None:
    done = CliRunner().invoke(app, words.split())
    assert (done.exit_code, "Usage: " in done.output) == (0, True)


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"harness {version('harness')}\n"


def test_completion_can_be_installed() -> None:
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output


def test_neither_help_nor_a_wrong_option_waits_for_what_measures() -> None:
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom harness.cli import app\n"
        "for words in (['--help'], ['compare'], ['ab', '--bogus'], ['load', '--threads', 'x', 'http://127.0.0.1']):\n"
        "    CliRunner().invoke(app, words)\n"
        f"print(*sorted(set({HEAVY}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "harness aa --seed 77 {file} --in-place --out {out}"),
        (["--seed", "5"], "harness aa {file} --in-place --out {out} --seed 5"),
        (["--seed=5"], "harness aa {file} --in-place --out {out} --seed=5"),
    ],
)
def test_the_command_that_repeats_a_run_has_its_seed_whatever_its_files_are_called(
    options: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "a--seed.toml", tmp_path / "out"
    file.write_text(SCENARIO)
    commands: list[str] = []

    def compare(prepared: object, results: object, command: str, observer: object, testbed: object) -> Path:
        commands.append(command)
        raise KeyboardInterrupt

    monkeypatch.setattr(harness.cli.measuring, "compare", compare)
    monkeypatch.setattr("harness.measure.preparation.random.SystemRandom.randrange", lambda *_: 77, raising=False)
    CliRunner().invoke(app, ["aa", str(file), "--in-place", "--out", str(out), *options])
    assert commands == [expected.format(file=file, out=out)]
