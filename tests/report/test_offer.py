"""What a report says of the load: how it was offered and from where, what became of it, and whose limit was met."""

import re
from pathlib import Path

import pytest

from harness.load.cpus import Placement
from harness.load.latency import LatencyHistogram
from harness.load.result import Errors, HealthWarning
from harness.load.spec import Arrivals, DataTable, Expectation, Request, Stage
from harness.record import Run, TrialRecord
from harness.report.markdown import render_markdown
from harness.report.offered_rate import offer_text, placement_text
from harness.report.run_report import RunReport
from harness.scenario import Topology
from tests.made_runs import LOAD, environment, made_run, offered, open_record, record, scenario_of, topology

RAW = topology("raw", baseline=True)
TWO = topology("cluster-2", workers=2)
OPEN = LOAD.model_copy(update={"arrivals": Arrivals(rate_per_s=1000), "connections": 500})
BUSY = HealthWarning(kind="busy", what="the generator's loop was busy 97% of the time.", advice="Offer less.")
LATE = HealthWarning(kind="lagging", what="it was late.", advice="Give it a core.")


def open_run(folder: Path, records: list[TrialRecord], topologies: list[Topology] | None = None) -> Run:
    """A run of one open-loop scenario with as many rounds as the records need."""
    scenario = scenario_of(topologies or [RAW, TWO], max(each.block for each in records))
    return made_run(folder, scenario.model_copy(update={"load": OPEN}), records)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Two rounds, of which one cluster's trials fall behind."""
    records = [
        open_record(1, RAW, offered(1000, queued=3), service_ms=0.5),
        open_record(2, RAW, offered(1000, queued=4, late=1, p99_lag_us=60), service_ms=0.5),
        open_record(1, TWO, offered(1000, dropped=200, late=700, p99_lag_us=1500), doubts=[BUSY, LATE]),
        open_record(2, TWO, offered(1000), service_ms=0.25),
    ]
    return open_run(tmp_path, records)


def text_of(run: Run) -> str:
    return render_markdown(RunReport(run))


def rows_of(text: str, header: str) -> dict[str, list[str]]:
    """The rows of the table whose header begins so, by their first cell."""
    lines = text[text.index(header) :].split("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in cells[2:]}


def told(run: Run) -> str:
    return "\n".join(f"{finding.what} {finding.advice}" for finding in RunReport(run).findings)


def test_an_open_loop_is_told_with_what_was_offered_and_achieved(run: Run) -> None:
    text = text_of(run)
    assert "- Open loop: 1,000 requests/s, constant arrivals, 500 connections at the most" in text
    assert "closed loop" not in text.lower()
    assert "over the first half of the warm-up" not in text
    rows = rows_of(text, "| topology | offered | achieved |")
    assert rows["raw"][:2] == ["1,000/s", "1,000/s"]
    assert rows["cluster-2"][:2] == ["1,000/s", "1,000/s"]  # the generator of the other trial was busy


def test_response_and_service_times_stand_side_by_side(run: Run) -> None:
    rows = rows_of(text_of(run), "| topology | offered | achieved |")
    assert rows["raw"][2:4] == ["1.50 ms, 0.500 ms", "1.99 ms, 0.500 ms"]
    assert rows["cluster-2"][2].endswith(", 0.250 ms")
    assert rows["cluster-2"][3].endswith(", 0.500 ms")


def test_queued_dropped_and_late_are_summed_and_the_worst_lag_is_told(run: Run) -> None:
    rows = rows_of(text_of(run), "| topology | offered | achieved |")
    assert rows["raw"][4:] == ["7", "0", "1", "60 µs"]
    assert rows["cluster-2"][4:] == ["0", "200", "700", "1500 µs"]


def test_a_trial_in_which_nothing_was_due_has_no_lag(tmp_path: Path) -> None:
    nothing = offered(0, p99_lag_us=None)
    late_answer = open_record(1, RAW, offered(5))
    assert late_answer.load is not None
    first = late_answer.model_copy(update={"load": late_answer.load.model_copy(update={"offered": nothing})})
    text = text_of(open_run(tmp_path, [first, open_record(2, RAW, offered(4, p99_lag_us=30))], [RAW]))
    assert rows_of(text, "| topology | offered | achieved |")["raw"][-1] == "30 µs"


def test_a_trial_in_which_nothing_was_sent_has_no_service_time(tmp_path: Path) -> None:
    unsent = open_record(1, RAW, offered(100))
    assert unsent.load is not None
    empty = {"service_ms": None, "service_histogram": LatencyHistogram().encode()}
    run = open_run(tmp_path, [unsent.model_copy(update={"load": unsent.load.model_copy(update=empty)})], [RAW])
    assert rows_of(text_of(run), "| topology | offered | achieved |")["raw"][2].endswith(" ms, –")


def test_a_generator_bound_trial_says_nothing_about_the_server(run: Run) -> None:
    said = told(run)
    assert "Trials were generator-bound: `cluster-2` in 1 of 2; for instance, the generator's loop was busy" in said
    assert "their CPU, memory and errors are. Offer less." in said
    assert "`raw`" not in said
    assert "generator-bound" in text_of(run).split("## Summary")[0]


def test_sound_trials_are_not_called_generator_bound(tmp_path: Path) -> None:
    assert "generator-bound" not in text_of(open_run(tmp_path, [open_record(1, RAW, offered(100))], [RAW]))


def test_a_closed_loop_can_be_generator_bound_too(tmp_path: Path) -> None:
    made = record(1, RAW, 100)
    assert made.load is not None
    bound = made.load.model_copy(update={"generator_bound": True, "doubts": [BUSY]})
    run = made_run(tmp_path, scenario_of([RAW], 1), [made.model_copy(update={"load": bound})])
    assert "Trials were generator-bound: `raw` in 1 of 1; " in told(run)


def test_a_closed_loop_is_told_with_what_it_can_not_show(tmp_path: Path) -> None:
    text = text_of(made_run(tmp_path, scenario_of([RAW], 1), [record(1, RAW, 100)]))
    assert "- Closed loop: 40 connections in 20 groups, `GET /`, warm-up 1s, window 3s, timeout 2s. The" in text
    assert "a stalled server is offered\nless" in text
    assert "| offered |" not in text


def test_tables_of_an_open_loop_have_as_many_cells_as_columns(run: Run) -> None:
    widths: set[int] = set()
    for line in [*text_of(run).splitlines(), ""]:
        if line.startswith("|"):
            widths.add(len(re.findall(r"(?<!\\)\|", line)))
        else:
            assert len(widths) <= 1, line
            widths.clear()


STAGES = (Stage(duration_s=30, rate_per_s=500), Stage(duration_s=90, rate_per_s=0))
DATA = DataTable(columns=("id",), rows=(("1",),) * 1234)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Closed loop: 40 connections in 20 groups, `GET /`, warm-up 1s, window 3s, timeout 2s."),
        ({"arrivals": Arrivals(rate_per_s=1500)}, "Open loop: 1,500 requests/s, constant arrivals, 40 connections at"),
        ({"arrivals": Arrivals(kind="poisson", rate_per_s=2.5)}, "Open loop: 2.50 requests/s, poisson arrivals, "),
        (
            {"arrivals": Arrivals(rate_per_s=10, stages=STAGES)},
            "Open loop: 10.0 → 500 in 30s → 0.00 in 1m 30s requests/s, constant arrivals, ",
        ),
        ({"requests": (Request(method="POST", path="/a"),)}, ", `POST /a`, warm-up"),
        ({"requests": (Request(path="/a"), Request(path="/b"))}, ", `GET /a` and 1 other request by weight, warm-up"),
        ({"requests": (Request(),) * 3}, ", `GET /` and 2 other requests by weight, warm-up"),
        ({"data": DATA}, ", `GET /`, filled from 1,234 rows of data, warm-up"),
        ({"data": DATA.model_copy(update={"rows": (("1",),)})}, ", filled from 1 row of data, "),
        ({"keepalive": False}, ", a new connection for every request, warm-up"),
        ({"warmup_s": 0.0, "duration_s": 90.0, "timeout_s": 0.25}, "warm-up 0ms, window 1m 30s, timeout 250ms."),
    ],
)
def test_the_offer_in_words(changes: dict[str, object], words: str) -> None:
    text = offer_text(scenario_of([topology("raw", baseline=True)], 1).with_load(LOAD.model_copy(update=changes)))
    assert words in text
    assert text.endswith(".")


@pytest.mark.parametrize(
    ("placement", "cores", "words"),
    [
        (
            Placement(generator=(3,), server=(0, 1, 2)),
            4,
            "The generator (1 process) had core 3 to itself and the server cores 0, 1, 2.",
        ),
        (
            Placement(processes=2, generator=(2, 3), server=(0, 1)),
            4,
            "The generator (2 processes) had cores 2, 3 to itself and the server cores 0, 1.",
        ),
        (
            Placement(),
            2,
            "Generator (1 process) and server shared 2 cores: 2 workers and the generator would need 3 to have their"
            " own.",
        ),
        (Placement(processes=2), 1, "Generator (2 processes) and server shared 1 core: 2 workers and the generator"),
    ],
)
def test_where_they_ran_in_words(placement: Placement, cores: int, words: str) -> None:
    assert placement_text(placement, scenario_of([RAW, TWO], 1), environment(cores=cores)).startswith(words)


def test_a_quota_is_shared_whatever_there_is_of_cores(tmp_path: Path) -> None:
    pod = environment(cores=64).model_copy(update={"usable_cores": 2, "cpu_quota_cores": 2.5})
    words = placement_text(Placement(), scenario_of([RAW, TWO], 1), pod)
    assert words.startswith("Generator (1 process) and server shared 64 cores and a CPU quota of 2.5: under a quota")
    text = text_of(made_run(tmp_path, scenario_of([RAW], 1), [record(1, RAW, 100)], machine=pod))
    assert "2 of 64 cores usable, by a CPU quota of 2.5" in text


def test_where_they_ran_is_in_the_report(tmp_path: Path) -> None:
    placement = Placement(processes=2, generator=(2, 3), server=(0, 1))
    records = [record(1, RAW, 100), record(1, TWO, 100)]
    run = made_run(tmp_path, scenario_of([RAW, TWO], 1), records, machine=environment(cores=4), placement=placement)
    assert "- The generator (2 processes) had cores 2, 3 to itself" in text_of(run)
    assert "share" not in told(run)


@pytest.mark.parametrize(
    ("cores", "words"),
    [
        (
            1,
            "`raw` could have used 1.0, `cluster-2` could have used 1.9 of 1 core, shared with the generator.",
        ),
        (2, None),
    ],
)
def test_who_wants_more_cores_than_there_are_is_a_finding(tmp_path: Path, cores: int, words: str | None) -> None:
    records = [record(1, each, 100, cpu_s=0.4, run_delay_s=0.56, cores=cores) for each in (RAW, TWO)]
    run = made_run(tmp_path, scenario_of([RAW, TWO], 1), records, machine=environment(cores=cores))
    assert words in told(run) if words else "versubscribed" not in told(run)


def test_a_status_that_was_not_expected_is_not_called_400_or_more(tmp_path: Path) -> None:
    load = LOAD.model_copy(update={"expect": Expectation(statuses=(201, 204))})
    scenario = scenario_of([RAW], 1).model_copy(update={"load": load})
    run = made_run(tmp_path, scenario, [record(1, RAW, 100, errors=Errors(status=7))])
    assert "7 responses had a status other than 201, 204." in told(run)
    assert "400" not in text_of(run)


def run_with(folder: Path, **changes: object) -> Run:
    """A run of two trials, one of which was as these changes have it."""
    changed = record(2, RAW, 1000)
    assert changed.load is not None
    load = changed.load.model_copy(update=changes)
    return made_run(folder, scenario_of([RAW], 2), [record(1, RAW, 1000), changed.model_copy(update={"load": load})])


def test_bodies_that_could_not_be_checked_are_told(tmp_path: Path) -> None:
    expected = "No body could be checked in trials, though one was expected: `raw` in 1 of 2."
    assert expected in told(run_with(tmp_path / "none", to_check=1000))
    assert expected not in told(run_with(tmp_path / "some", to_check=1000, checked=1))
    assert expected not in told(run_with(tmp_path / "any"))


@pytest.mark.parametrize(("reconnected", "is_told"), [(0, False), (20, False), (21, True)])
def test_connections_that_are_closed_without_a_word_are_told_when_they_are_frequent(
    tmp_path: Path, reconnected: int, is_told: bool
) -> None:
    """More than one of a hundred requests."""
    run = run_with(tmp_path, reconnected=reconnected)
    said = told(run)
    words = "closes connections without saying so; requests that were sent again on a new one: `raw`"
    assert (words in said) is is_told
    assert ("keepalive = false" in said) is is_told
    assert rows_of(text_of(run), "| topology | connect | read |")["raw"][-2] == str(reconnected)


def test_requests_that_could_not_be_sent_again_are_told_apart(tmp_path: Path) -> None:
    run = made_run(tmp_path, scenario_of([RAW], 1), [record(1, RAW, 100, errors=Errors(stale=7))])
    assert "7 requests failed on connections that the server had closed without saying so." in told(run)
    assert rows_of(text_of(run), "| topology | connect | read |")["raw"][3] == "7"
