"""Disks that are full or may not be written: it is said, what was recorded stays, and the run can be gone on with.

The disk is a small one in memory, mounted for the test, which takes root.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from harness.machine.environment import describe_environment
from harness.measure.compare import compare, resume
from harness.measure.preparation import prepare, prepare_again
from harness.measure.testbed import Testbed
from harness.record import Run, RunFolderError, TrialRecord, read_run
from harness.report.charts.pictures import throughput
from harness.report.write import FILES, write_reports
from tests.server.family import Family
from tests.server.topologies import prefork, small
from tests.trial.test_compare import Silent, named
from tests.trial.trials import scenario

SIZE_KIB: Final = 8192
pytestmark = [
    pytest.mark.compares,
    pytest.mark.faults,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk"),
]


class Disk:
    """A file system of a few MiB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def clear(self) -> None:
        """Take that back."""
        self._filler.unlink()

    def allow(self, what: str) -> None:
        """``rw`` or ``ro``."""
        subprocess.run(["mount", "-o", f"remount,{what}", self.path], check=True)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Empty, and writable."""
    monkeypatch.setitem(FILES, "report.html", lambda _: "a page")  # which takes its time
    charts = {"throughput": throughput.draw}  # and so do all the others
    monkeypatch.setattr("harness.report.charts.pictures.CHARTS", charts)
    monkeypatch.setattr("harness.report.charts.NAMES", tuple(charts))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "tmpfs", tmp_path], check=True)
    try:
        yield Disk(tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


class After(Silent):
    """Does something to the disk once the first record is on it."""

    def __init__(self, disk: Disk, what: str) -> None:
        super().__init__()
        self._disk, self._what = disk, what

    def on_record(self, record: TrialRecord) -> None:
        """Only the first time."""
        super().on_record(record)
        if len(self.ended) == 1:
            self._disk.fill() if self._what == "full" else self._disk.allow("ro")


COMPARED: Final = scenario(named("one", small("page")), named("two", prefork(2)))


@pytest.mark.parametrize(("what", "said"), [("full", "No space left on device"), ("read-only", "Read-only file")])
def test_a_disk_that_takes_no_more_costs_no_record_and_the_run_can_be_gone_on_with(
    disk: Disk, what: str, said: str, family: Family
) -> None:
    with pytest.raises(RunFolderError, match=f"can't write the (record|log) of r01-02.*{said}.*harness resume"):
        compare(prepare(COMPARED, 1), disk.path, "harness compare it", After(disk, what))
    assert family.alive() == []
    run = read_run(disk.path / "latest")
    assert (len(run.records), run.left_out) == (1, [])
    with pytest.raises(RunFolderError, match=f"can't write the reports: {said}"):
        write_reports(run)
    disk.clear() if what == "full" else disk.allow("rw")
    assert gone_on_with(run).is_whole


def gone_on_with(run: Run) -> Run:
    """The run with the trials that it lacked."""
    resumed = read_run(resume(run, prepare_again(run, describe_environment(), Testbed.here()), Silent()))
    assert [record.trial for record in resumed.records] == [planned.id for planned in run.info.trials]
    assert resumed.records[: len(run.records)] == run.records
    assert {record.status for record in resumed.records} == {"ok"}
    return resumed


@pytest.mark.parametrize(("what", "said"), [("full", "No space left on device"), ("read-only", "Read-only file")])
def test_without_a_place_for_the_run_nothing_is_launched(disk: Disk, what: str, said: str, family: Family) -> None:
    disk.fill() if what == "full" else disk.allow("ro")
    observer = Silent()
    with pytest.raises(RunFolderError, match=f"can't make a run folder: {said}"):
        compare(prepare(COMPARED, 1), disk.path / "results", "harness compare it", observer)
    assert observer.begun == []


def test_reports_that_do_not_fit_leave_the_old_ones_as_they_were(disk: Disk) -> None:
    run = read_run(compare(prepare(COMPARED, 1), disk.path, "harness compare it", Silent()))
    write_reports(run)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    disk.fill()
    with pytest.raises(RunFolderError, match="can't write the reports: No space left"):
        write_reports(run)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
