"""Where a run was made, and what its servers were made of."""

from pathlib import Path

from harness.record import Fingerprint, Run, RunFolder, read_run
from harness.record.fingerprint import FileState
from harness.report.environment import environment_rows
from tests.made_runs import environment, made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)
FILES = {
    "package-lock.json": FileState(100, 1, "ab" * 32),
    "node_modules/left/package-lock.json": FileState(100, 1, "cd" * 32),
    "app/uv.lock": FileState(100, 1, "ef" * 32),
    "server.js": FileState(100, 1, "01" * 32),
    "yarn.lock": FileState(10**9, 1, None),  # too much to read
}


def run_with_files(results: Path) -> Run:
    """A run of one trial, which ran in a tree with these files."""
    made = made_run(results / "made", scenario_of([RAW], 1), [record(1, RAW, 100)])
    fingerprint = Fingerprint(files=FILES, packages={}, unseen=[], outputs=[])
    folder = RunFolder.create(results, made.info, made.scenario, environment(), fingerprint)
    return read_run(folder.path)


def test_the_lock_files_of_the_servers_are_told_with_their_digests(tmp_path: Path) -> None:
    rows = list(environment_rows(run_with_files(tmp_path)))
    told = [value for name, value in rows if name == "lock file"]
    assert told == ["app/uv.lock, SHA-256 " + "ef" * 8, "package-lock.json, SHA-256 " + "ab" * 8]
    assert [name for name, _ in rows if name.endswith("of the harness")] == [
        "Python of the harness",
        "packages of the harness",
    ]


def test_a_fingerprint_that_does_not_belong_to_the_run_is_not_believed(tmp_path: Path) -> None:
    run = run_with_files(tmp_path)
    (run.path / "run.json").write_text((run.path / "run.json").read_text() + " ")
    rows = dict(environment_rows(run))
    assert "lock file" not in rows
    assert rows["lock files"].startswith("not known")
