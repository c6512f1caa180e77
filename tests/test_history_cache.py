"""What is kept of runs for their history: it is used while nothing has changed, and never after."""

import os
from pathlib import Path

import pytest

from harness.analysis.history import cache as module
from harness.analysis.history import runs as reading
from harness.analysis.history.cache import FILES, NAME
from harness.analysis.history.runs import read_runs
from harness.record import read_run
from tests.test_history import on_day


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three runs, which were read once."""
    for day in range(3):
        on_day(tmp_path, day, 1000 + day)
    read_runs(tmp_path)
    return tmp_path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that are read anew."""
    names: list[str] = []

    def read(folder: Path) -> object:
        names.append(folder.name)
        return read_run(folder)

    monkeypatch.setattr(reading, "read_run", read)
    return names


def test_runs_are_read_once_and_come_out_the_same(results: Path, read: list[str]) -> None:
    cached = read_runs(results)
    (results / NAME).unlink()
    assert read == []
    assert read_runs(results) == cached
    assert len(read) == 3


@pytest.mark.parametrize("name", [name for name in FILES if name != "ending.json"])
def test_a_run_of_which_a_file_was_changed_is_read_anew(results: Path, read: list[str], name: str) -> None:
    changed = sorted(path for path in results.iterdir() if path.is_dir())[1]
    text = (changed / name).read_text()
    (changed / name).write_text(text.rstrip() + " \n")
    read_runs(results)
    assert read == [changed.name]


def test_a_figure_that_was_changed_is_not_the_old_one(results: Path) -> None:
    folder = sorted(path for path in results.iterdir() if path.is_dir())[0]
    before = read_runs(results)[0][0].figures
    trials = (folder / "trials.jsonl").read_text()
    (folder / "trials.jsonl").write_text("\n".join(trials.splitlines()[:-1]) + "\n")
    assert read_runs(results)[0][0].figures != before


def test_other_code_reads_all_of_them(results: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_code_sha256", lambda: "0" * 64)
    read_runs(results)
    assert len(read) == 3


def test_a_run_that_is_gone_is_forgotten(results: Path) -> None:
    gone = sorted(path for path in results.iterdir() if path.is_dir())[0]
    for path in sorted(gone.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    gone.rmdir()
    assert len(read_runs(results)[0]) == 2
    assert f'"{gone.name}"' not in (results / NAME).read_text()


@pytest.mark.parametrize("kind", ["text", "link", "fifo", "folder"])
def test_a_cache_that_is_none_is_not_minded(results: Path, read: list[str], kind: str) -> None:
    (results / NAME).unlink()
    match kind:
        case "text":
            (results / NAME).write_text("{")
        case "link":
            (results / NAME).symlink_to("/dev/zero")
        case "fifo":
            os.mkfifo(results / NAME)
        case _:
            (results / NAME).mkdir()
    assert len(read_runs(results)[0]) == 3
    assert len(read) == 3
    assert Path("/dev/zero").exists()


def test_the_page_of_a_run_is_looked_for_each_time(results: Path) -> None:
    assert read_runs(results)[0][0].report is None
    folder = sorted(path for path in results.iterdir() if path.is_dir())[0]
    (folder / "report.html").write_text("")
    assert read_runs(results)[0][0].report == folder / "report.html"
