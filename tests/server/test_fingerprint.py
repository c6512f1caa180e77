"""What commands would run is looked at within bounds, and known again."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.record import Fingerprint
from harness.scenario import Topology
from harness.server import fingerprint as module
from harness.server.fingerprint import take_fingerprint
from harness.server.programs import describe_programs
from tests.made_runs import topology


@pytest.fixture(autouse=True)
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five files, two of them in a folder."""
    folder = tmp_path / "service"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.py", "b.py", "c.py", "deep/d.py", "deep/e.py"):
        (folder / name).write_text(name)
    monkeypatch.chdir(folder)
    return folder


def running(*command: str) -> Sequence[Topology]:
    return [topology("raw", baseline=True).model_copy(update={"command": (*command, "{port}")})]


def taken(*command: str) -> Fingerprint:
    """The fingerprint of one command."""
    topologies = running(*(command or ("true",)))
    return take_fingerprint(topologies, describe_programs(topologies))


def test_packages_of_the_python_that_runs_are_known_by_name(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    (packages,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    (packages / "shop").mkdir()
    (packages / "shop/prices.py").write_text("one")
    editable, info = tmp_path / "editable", packages / "cart-1.dist-info"
    editable.mkdir()
    info.mkdir()
    (info / "METADATA").write_text("Name: cart\nVersion: 1\n")
    (info / "direct_url.json").write_text(f'{{"url": "file://{editable}", "dir_info": {{"editable": true}}}}')
    before = taken(str(python), "a.py")
    assert list(before.changes(taken(str(python), "a.py"))) == []
    (packages / "shop/prices.py").write_text("other")
    (packages / "new.py").write_text("new")
    (editable / "cart.py").write_text("new")
    assert list(before.changes(taken(str(python), "a.py"))) == [
        *(f"{editable}/cart.py", f"{packages}/new.py", f"{packages}/shop")
    ]


def test_of_a_tree_that_is_too_large_what_is_near_is_looked_at(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 4)
    before = taken()
    assert before.unseen == ["."]
    assert {"a.py", "b.py", "c.py"} <= set(before.files)
    (service / "deep/e.py").write_text("other")
    (service / "0.py").write_text("new, and what it displaces is not said to be gone")
    (service / "b.py").write_text("other")
    assert list(before.changes(taken())) == ["b.py"]


@pytest.mark.parametrize("bound", ["MAX_CPU_S", "MAX_SCAN_S"])
def test_it_takes_no_longer_than_its_bounds(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(module, bound, 0.0)
    assert taken().unseen == ["."]


def test_what_is_too_much_to_read_is_known_by_size_and_time(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_READ_BYTES", 0)
    before = taken()
    assert {state.sha256 for state in before.files.values()} == {None}
    os.utime(service / "a.py", (0, 0))
    (service / "b.py").write_text("longer than before")
    assert list(before.changes(taken())) == ["a.py", "b.py"]


def test_a_time_alone_is_no_change(service: Path) -> None:
    before = taken()
    os.utime(service / "a.py", (0, 0))
    assert list(before.changes(taken())) == []


def test_what_the_harness_prints_to_is_no_code(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (service / "printed").open("w") as printed:
        monkeypatch.setattr(module, "_OUTPUTS", (printed.fileno(),))
        before = taken()
    assert before.outputs == ["printed"]
    (service / "printed").write_text("a report")
    monkeypatch.setattr(module, "_OUTPUTS", ())
    assert list(before.changes(taken())) == []


def test_only_regular_files_are_read(service: Path) -> None:
    os.mkfifo(service / "fifo")
    (service / "nowhere").symlink_to("gone")
    (service / "round").symlink_to(".")
    (service / os.fsdecode(b"na\xefve")).write_text("named in Latin-1")
    found = taken("true", "fifo", "/dev/zero", "/proc", "x" * 5000, "\0")
    assert found.unseen == []
    own = {name for name in found.files if not name.startswith("/")}
    assert own == {"a.py", "b.py", "c.py", "deep/d.py", "deep/e.py", "na\\udcefve"}
    assert Fingerprint.model_validate_json(found.model_dump_json()) == found
