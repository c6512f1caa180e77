"""Records on disk: what was appended is there, and what is not sound is said to be."""

from pathlib import Path

import pytest

from harness.record import SCHEMA_VERSION, RunFolderError, read_run
from tests.made_runs import made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)


def test_records_survive_the_disk_unchanged(tmp_path: Path) -> None:
    records = [record(block, RAW, 100.0 * block) for block in (1, 2)]
    run = made_run(tmp_path, scenario_of([RAW], 2), records)
    assert run.records == records
    assert run.scenario == scenario_of([RAW], 2)
    assert run.unreadable == 0


def test_latest_points_to_the_newest_run(tmp_path: Path) -> None:
    first = made_run(tmp_path, scenario_of([RAW], 1), [])
    second = made_run(tmp_path, scenario_of([RAW], 1), [])  # in the same second
    assert first.path != second.path
    assert (tmp_path / "latest").resolve() == second.path.resolve()
    assert second.path.name.startswith("20260102T030405Z-made")


@pytest.mark.parametrize("cut_bytes", [1, 2, 100, 900])
def test_a_half_written_last_record_is_counted_and_costs_no_other(tmp_path: Path, cut_bytes: int) -> None:
    run = made_run(tmp_path, scenario_of([RAW], 2), [record(1, RAW, 100.0), record(2, RAW, 200.0)])
    trials = run.path / "trials.jsonl"
    trials.write_bytes(trials.read_bytes()[: -1 - cut_bytes])
    again = read_run(run.path)
    assert [each.block for each in again.records] == [1]
    assert again.unreadable == 1


def test_a_record_of_another_version_is_not_read_as_ours(tmp_path: Path) -> None:
    run = made_run(tmp_path, scenario_of([RAW], 1), [record(1, RAW, 100.0)])
    trials = run.path / "trials.jsonl"
    trials.write_text(trials.read_text().replace(f'"schema_version":{SCHEMA_VERSION}', '"schema_version":99'))
    again = read_run(run.path)
    assert (again.records, again.unreadable) == ([], 1)


def test_a_folder_that_is_no_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        read_run(tmp_path)


def test_a_results_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFolderError, match="can't make a run folder"):
        made_run(tmp_path / "file", scenario_of([RAW], 1), [])
