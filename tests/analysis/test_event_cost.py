"""The cost of events, by the seconds of a window."""

from collections.abc import Sequence

import numpy as np
import pytest

from harness.analysis.event_cost import EventCost, cost_of_events
from harness.analysis.gates import Outcome
from harness.analysis.run import RunAnalysis
from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult, Second
from harness.record import EventRecord
from harness.report.event_texts import event_texts
from harness.scenario import GateTable
from harness.scenario.event import Event
from tests.made_runs import load_result, made_run, record, scenario_of, topology

RELOAD = EventRecord(at_s=2.0, took_s=0.1, what="SIGHUP")
USUAL_MS, SLOW_MS = 10.0, 400.0


def encoded(*latencies_ms: float) -> str:
    histogram = LatencyHistogram()
    histogram.record((np.array(latencies_ms) * 1e6).astype(np.int64))
    return histogram.encode()


def window(p99s_ms: Sequence[float], errors: Sequence[int], hanging_ms: Sequence[float] = ()) -> LoadResult:
    """Seconds of a hundred requests each, with such a p99, and so many errors; and requests that still wait."""
    made = load_result(100)
    rows: list[Second] = [
        made.series[0].model_copy(
            update={
                "end_s": float(number),
                "errors": failed,
                "p99_ms": p99_ms,
                "max_ms": p99_ms,
                "histogram": encoded(*[USUAL_MS] * 98, p99_ms, p99_ms),
            }
        )
        for number, (p99_ms, failed) in enumerate(zip(p99s_ms, errors, strict=True), start=1)
    ]
    number, waiting = sum(row.requests for row in rows), len(hanging_ms)
    whole = LatencyHistogram.merge(row.histogram for row in rows).encode()
    changes = {
        "series": rows,
        "duration_s": float(len(rows)),
        "requests": number,
        "ok": number,
        "started": number + waiting,
        "unfinished": waiting,
        "histogram": whole,
        "service_histogram": whole,
        "unfinished_histogram": encoded(*hanging_ms),
    }
    return made.model_copy(update=changes)


USUAL = [USUAL_MS] * 6
NONE = [0] * 6
AGAIN = window(USUAL, NONE).model_copy(update={"reconnected": 3})
LATE = [*USUAL[:2], SLOW_MS, SLOW_MS, *USUAL[4:]]


@pytest.mark.parametrize(
    ("load", "cost"),
    [
        (window(USUAL, NONE), EventCost(0, 0, 0, 0.0, True)),
        (window(LATE, NONE), EventCost(0, 0, 4, 2.0, True)),
        (window(USUAL, [0, 0, 0, 3, 0, 0]), EventCost(3, 0, 0, 2.0, True)),
        (window(USUAL, [9, 0, 1, 0, 0, 0]), EventCost(1, 0, 0, 1.0, True)),  # errors before are not its
        (window(USUAL, [0, 0, 1, 1, 1, 1]), EventCost(4, 0, 0, 4.0, False)),
        (window(USUAL, NONE, [3.0, 9.0]), EventCost(0, 0, 0, 0.0, True)),  # in flight, as always
        (window(USUAL, NONE, [3.0, 3000.0, 3000.0]), EventCost(2, 0, 0, 4.0, False)),
    ],
)
def test_what_an_event_costs(load: LoadResult, cost: EventCost) -> None:
    assert cost_of_events(load, [RELOAD]) == cost


def test_requests_that_were_sent_again_are_told(run_of_events: RunAnalysis) -> None:
    assert "sent again" not in "".join(event_texts(run_of_events))
    records = [each.model_copy(update={"load": AGAIN}) for each in run_of_events.run.records]
    again = RunAnalysis(run_of_events.run.model_copy(update={"records": records}))
    assert "had 3.0 sent again, which a client that does not do so would lose" in "".join(event_texts(again))


def test_no_time_is_within_a_limit_where_p99_was_not_back(run_of_events: RunAnalysis) -> None:
    assert [(each.gate.text, each.outcome) for each in run_of_events.gate_results] == [
        ("recovery < 3s", Outcome.FAILED),
        ("recovery < 10s", Outcome.UNCERTAIN),
    ]


@pytest.fixture
def run_of_events(tmp_path_factory: pytest.TempPathFactory) -> RunAnalysis:
    """One topology that never comes back, over 4 s of a window, in each of its rounds."""
    raw = topology("raw", baseline=True)
    down = window([*USUAL[:2], *[SLOW_MS] * 4], NONE)
    records = [record(block, raw, 100).model_copy(update={"load": down, "events": [RELOAD]}) for block in range(1, 5)]
    settings = {
        "events": (Event.model_validate({"at": 2.0, "signal": "HUP"}),),
        "gate": GateTable(fail_on=("recovery < 3s", "recovery < 10s")),
    }
    scenario = scenario_of([raw], 4).model_copy(update=settings)
    made = made_run(tmp_path_factory.mktemp("events"), scenario, [])
    return RunAnalysis(made.model_copy(update={"records": records}))
