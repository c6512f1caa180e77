"""Records on disk: what was appended is there, and what is not sound is said to be."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.record import SCHEMA_VERSION, Run, RunFolder, RunFolderError, read_run
from tests.made_runs import made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)


def test_records_survive_the_disk_unchanged(tmp_path: Path) -> None:
    records = [record(block, RAW, 100.0 * block) for block in (1, 2)]
    run = made_run(tmp_path, scenario_of([RAW], 2), records)
    assert run.records == records
    assert run.scenario == scenario_of([RAW], 2)
    assert run.left_out == []


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
    assert again.left_out == ["line 2: no whole record"]


def test_a_record_of_another_version_is_not_read_as_ours(tmp_path: Path) -> None:
    run = made_run(tmp_path, scenario_of([RAW], 1), [record(1, RAW, 100.0)])
    trials = run.path / "trials.jsonl"
    trials.write_text(trials.read_text().replace(f'"schema_version":{SCHEMA_VERSION}', '"schema_version":99'))
    again = read_run(run.path)
    assert (again.records, again.left_out) == ([], ["line 1: a record of schema version 99"])


def test_a_folder_that_is_no_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        read_run(tmp_path)


def test_a_results_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFolderError, match="can't make a run folder"):
        made_run(tmp_path / "file", scenario_of([RAW], 1), [])


def changed(run: Run, *changes: tuple[str, str], file: str = "trials.jsonl") -> Run:
    """The run read again, after somebody edited one of its files."""
    path = run.path / file
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return read_run(run.path)


def two_records(tmp_path: Path) -> Run:
    """Of one topology."""
    return made_run(tmp_path, scenario_of([RAW], 2), [record(1, RAW, 100.0), record(2, RAW, 200.0)])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"trial":"r01-raw"', '"trial":"r09-raw"', "a trial that was not planned"),
        ('"topology":"raw"', '"topology":"<img>"', "a trial that was not planned"),
        ('"block":1', '"block":7', "a trial that was not planned"),
        ('"trial":"r01-raw"', '"trial":7', "no whole record"),
        ('"histogram":"', '"histogram":"AAAA', "a histogram of r01-raw can't be read"),
        ('"service_histogram":"', '"service_histogram":"AAAA', "a histogram of r01-raw can't be read"),
        ('"status":"ok"', '"status":"splendid"', "no whole record"),
        ('"requests_per_s":100.0', '"requests_per_s":NaN', "no whole record"),
        ('"requests_per_s":100.0', '"requests_per_s":-100.0', "no whole record"),
        ("{", "[" * 100_000, "no whole record"),
    ],
)
def test_an_edited_record_is_left_out_by_line_and_costs_no_other(tmp_path: Path, old: str, new: str, why: str) -> None:
    again = changed(two_records(tmp_path), (old, new))
    assert [each.block for each in again.records] == [2]
    assert again.left_out == [f"line 1: {why}"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"busy_s":0.0625', '"busy_s":1e-308'),  # of which a quotient overflows
        ('"busy_s":0.0625', '"busy_s":1e308'),
        ('"duration_s":1.0', '"duration_s":0'),
        ('"rss_bytes":33554432', f'"rss_bytes":{10**400}'),
        ('"pid":10', '"pid":-1'),
        ('"p50_ms":1.5', '"p50_ms":0'),  # a request takes time
        ('"latency_ms":{"mean":', '"latency_ms":{"mean":0.0,"was":'),
    ],
)
def test_figures_that_nothing_can_have_measured_are_left_out(tmp_path: Path, old: str, new: str) -> None:
    assert changed(two_records(tmp_path), (old, new)).left_out == ["line 1: no whole record"]


def test_a_machine_without_cores_is_left_out(tmp_path: Path) -> None:
    run = two_records(tmp_path)
    trials = run.path / "trials.jsonl"
    trials.write_text(re.sub(r'"cores":\[[^]]*\]', '"cores":[]', trials.read_text(), count=1))
    assert read_run(run.path).left_out == ["line 1: no whole record"]


def test_a_repeated_record_counts_once(tmp_path: Path) -> None:
    run = two_records(tmp_path)
    trials = run.path / "trials.jsonl"
    trials.write_text(trials.read_text() + trials.read_text())
    again = read_run(run.path)
    assert again.records == run.records
    assert again.left_out == ["line 3: r01-raw a second time", "line 4: r02-raw a second time"]


@given(st.binary(max_size=200), st.integers(0, 2000))
@settings(max_examples=100, deadline=None)
def test_whatever_bytes_are_in_the_records_the_rest_is_read(made: Run, noise: bytes, at: int) -> None:
    """Spoiled somewhere in the first line: it is left out, or still sound, and the second is read."""
    sound = (made.path / "sound.jsonl").read_bytes()
    spoiled = sound[:at] + noise.replace(b"\n", b"") + sound[at + len(noise) :]
    (made.path / "trials.jsonl").write_bytes(spoiled)
    again = read_run(made.path)
    assert len(again.records) + len(again.left_out) == 2
    assert again.records[-1].block == 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two records, and a copy of them to go back to."""
    run = two_records(tmp_path_factory.mktemp("made"))
    (run.path / "sound.jsonl").write_bytes((run.path / "trials.jsonl").read_bytes())
    return run


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("run.json", f'"schema_version": {SCHEMA_VERSION}', '"schema_version": 2', "has schema version 2, and this"),
        ("run.json", '"seed": 1', '"seed": "one"', "run.json: not of a run of this version: seed: "),
        ("run.json", "{", "[" * 100_000, "run.json: not JSON"),
        ("run.json", '"name": "raw"', '"name": "other"', "plans other, which scenario.json does not have"),
        ("scenario.json", '"baseline": true', '"baseline": false', "it has not exactly one baseline"),
        ("scenario.json", '"name": "raw"', '"name": "<img src=x onerror=alert(1)>"', "scenario.json: not of a run"),
        ("scenario.json", '"name": "raw"', '"name": "../../up"', "scenario.json: not of a run"),
        ("environment.json", "{", "", "environment.json: not JSON"),
        ("ending.json", '"all rounds"', '"bored"', "ending.json: not of a run"),
    ],
)
def test_a_folder_that_can_not_be_made_sense_of_is_refused_by_file(
    tmp_path: Path, file: str, old: str, new: str, why: str
) -> None:
    run = two_records(tmp_path)
    with pytest.raises(RunFolderError, match=re.escape(why)):
        changed(run, (old, new), file=file)


@pytest.mark.parametrize("file", ["run.json", "scenario.json", "environment.json", "ending.json"])
@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"null", b"[]", b'{"a": NaN}', b"\x1f\x8b"])
def test_a_file_of_anything_else_is_refused(tmp_path: Path, file: str, content: bytes) -> None:
    run = two_records(tmp_path)
    (run.path / file).write_bytes(content)
    with pytest.raises(RunFolderError, match=re.escape(file)):
        read_run(run.path)


def test_an_edited_scenario_is_told(tmp_path: Path) -> None:
    run = two_records(tmp_path)
    assert not run.is_edited
    assert changed(run, ('"connections": 40', '"connections": 41'), file="scenario.json").is_edited


def test_what_a_terminal_would_obey_is_written_out(tmp_path: Path) -> None:
    reason = "\x1b[2J\x07 \u202eevil\n# title"
    run = made_run(tmp_path, scenario_of([RAW], 1), [record(1, RAW, 100.0, status="failed", reason=reason)])
    assert run.records[0].reason == "\\x1b[2J\\x07 \\u202eevil\\n# title"


def test_a_folder_knows_the_body_that_good_trials_found_always_the_same(tmp_path: Path) -> None:
    good, bad, other = (
        topology("raw", baseline=True),
        topology("cluster-2", workers=2),
        topology("cluster-4", workers=4),
    )
    records = [
        record(1, good, 100, body=(5, "a" * 64)),
        record(1, bad, 100, status="invalid", reason="bodies were not the same", body=(5, "b" * 64)),
        record(1, other, 100, body=(5, None)),
    ]
    run = made_run(tmp_path, scenario_of([good, bad, other], 1), records)
    folder = RunFolder.reopen(run)
    assert folder.known_bodies == {"a" * 64}
    folder.append(record(2, other, 100, body=(5, "c" * 64)))
    assert folder.known_bodies == {"a" * 64, "c" * 64}
