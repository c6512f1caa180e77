"""A trial's figures come from its steady part."""

from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.trials import Trial, merged_latency
from harness.load.latency import LatencyHistogram
from harness.load.result import Offered, Second
from harness.record import Usage, UsageSecond
from tests.made_runs import load_result, offered, usage

PID = 10
WARMING, STEADY = (100, 8.0), (1000, 1.0)
"""Requests in a second, and the latency (ms) of each."""


def second(end_s: float, requests: int, latency_ms: float) -> tuple[Second, LatencyHistogram]:
    histogram = LatencyHistogram()
    histogram.record(np.full(requests, latency_ms * 1e6, dtype=np.int64))
    return (
        Second(
            end_s=end_s,
            requests=requests,
            requests_per_s=float(requests),
            errors=0,
            p50_ms=latency_ms if requests else None,
            p99_ms=latency_ms if requests else None,
            max_ms=latency_ms if requests else None,
            histogram=histogram.encode(),
        ),
        histogram,
    )


def trial(*seconds: tuple[int, float], offer: Offered | None = None) -> Trial:
    """The server used 0.5 s of CPU in each second."""
    rows = [second(end_s, *each) for end_s, each in enumerate(seconds, start=1)]
    encoded = LatencyHistogram.merge(histogram.encode() for _, histogram in rows)
    requests = sum(count for count, _ in seconds)
    load = load_result(requests / len(rows)).model_copy(
        update={
            "requests": requests,
            "duration_s": float(len(rows)),
            "requests_per_s": requests / len(rows),
            "latency_ms": encoded.summary(),
            "histogram": encoded.encode(),
            "series": [row for row, _ in rows],
            "offered": offer,
        }
    )
    return Trial(1, load, used(len(rows)))


def used(seconds: int) -> Usage:
    rows = [
        UsageSecond(end_s=end_s, cpu_s={PID: 0.5 * end_s}, rss_bytes={PID: 2**25}) for end_s in range(1, seconds + 1)
    ]
    return usage([PID], cpu_s=0.5 * seconds).model_copy(update={"window_s": float(seconds), "series": rows})


def test_what_was_steady_all_the_time_is_taken_as_a_whole() -> None:
    made = trial(*[STEADY] * 20)
    assert made.discarded_rows == 0
    assert made.requests_per_s == 1000
    assert made.cpu_ms_per_request == pytest.approx(0.5)
    assert not made.never_settled


def test_the_seconds_of_a_slow_start_are_in_none_of_the_figures() -> None:
    made = trial(*[WARMING] * 3, *[STEADY] * 17)
    assert made.discarded_rows == 3
    assert made.requests_per_s == pytest.approx(1000)
    assert made.p99_ms == pytest.approx(1.0, rel=0.01)
    assert made.cpu_ms_per_request == pytest.approx(0.5)
    assert merged_latency([made]).total == 17_000


def test_the_cpu_of_processes_that_ended_in_a_slow_start_is_left_out_too() -> None:
    """A second of it in the first."""
    made = trial(*[WARMING] * 3, *[STEADY] * 17)
    series = [row.model_copy(update={"reaped_cpu_s": 1.0}) for row in made.usage.series]
    ended = replace(made, usage=made.usage.model_copy(update={"series": series, "reaped_cpu_s": 1.0}))
    assert ended.usage.cpu_s == made.usage.cpu_s + 1.0
    assert ended.cpu_ms_per_request == pytest.approx(0.5)


def test_what_slows_down_until_the_end_never_settled_and_is_taken_as_a_whole() -> None:
    made = trial(*[(1000 - 30 * row, 1.0) for row in range(20)])
    assert made.never_settled
    assert made.discarded_rows == 0


def test_a_short_window_is_taken_as_it_is() -> None:
    made = trial(WARMING, STEADY, STEADY)
    assert made.discarded_rows == 0
    assert made.requests_per_s == pytest.approx(700)
    assert not made.never_settled


def test_an_open_loop_is_judged_by_its_latency_since_its_rate_is_what_was_offered() -> None:
    made = trial(*[(500, 8.0)] * 3, *[(500, 1.0)] * 17, offer=offered(10_000))
    assert made.discarded_rows == 3
    assert made.p50_ms == pytest.approx(1.0, rel=0.01)


def test_a_load_that_rises_is_not_asked_to_be_steady() -> None:
    ramp = offered(10_000).model_copy(update={"is_ramp": True})
    made = trial(*[(500, 1.0 + row) for row in range(20)], offer=ramp)
    assert made.steady is None
    assert not made.never_settled


def test_seconds_without_an_answer_leave_an_open_loop_unjudged() -> None:
    assert trial(*[(500, 1.0)] * 10, (0, 0.0), *[(500, 1.0)] * 9, offer=offered(10_000)).steady is None


def test_a_stub_at_the_end_of_the_series_is_not_a_second() -> None:
    made = trial(*[STEADY] * 20)
    stub, _ = second(20.1, 10, 1.0)
    series = [*made.load.series, stub]
    assert Trial(1, made.load.model_copy(update={"series": series}), made.usage).discarded_rows == 0
