"""The measured window under a clock that is made up."""

import statistics
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.generator.messages import PartSecond
from harness.generator.window import SAMPLE_NS, Group, Window
from harness.load.latency import LatencyHistogram, Spread, compute_spread
from harness.units import NS_PER_MS, NS_PER_S

BEGIN_NS = 5 * NS_PER_S
GROUPS = 2
LONG_S = 1e6
WAIT_NS = 3 * NS_PER_MS
LATENCIES = st.lists(st.integers(1, NS_PER_S), max_size=5)

fewer = settings(max_examples=40)  # each is many intervals


@dataclass(frozen=True)
class Interval:
    """What happens between two samples."""

    elapsed_ns: int
    completed: tuple[list[int], ...]  # latencies, by group
    timed_out: list[int]
    delayed: tuple[list[int], ...] = ()  # service times, by group, of those that had waited WAIT_NS before

    @property
    def ended(self) -> int:
        return sum(map(len, (*self.completed, *self.delayed)))


BY_GROUP = st.tuples(*[LATENCIES] * GROUPS)
INTERVALS = st.lists(
    st.builds(Interval, st.integers(1, NS_PER_S), BY_GROUP, LATENCIES, BY_GROUP), min_size=1, max_size=20
)


class Recording:
    """A window, and what a load loop does to it."""

    def __init__(self, groups: int = GROUPS) -> None:
        self.groups = [Group() for _ in range(groups)]
        self.window = Window(self.groups, BEGIN_NS, LONG_S)
        self.rows: list[PartSecond] = []
        self.now_ns = BEGIN_NS
        self.errors = 0

    def pass_by(self, interval: Interval) -> None:
        """Let the interval pass, then do the chores."""
        self.now_ns += interval.elapsed_ns
        for group, latencies_ns in zip(self.groups, interval.completed, strict=True):
            group.prompt.extend(latencies_ns)
        for group, services_ns in zip(self.groups, interval.delayed, strict=False):
            group.service.extend(services_ns)
            group.response.extend(service_ns + WAIT_NS for service_ns in services_ns)
        self.window.overdue.extend(interval.timed_out)
        self.errors += len(interval.timed_out)
        self.window.sample(self.now_ns)
        if self.window.is_second_over(self.now_ns):
            self.rows.append(self.window.end_second(self.now_ns, self.errors))

    def count(self, *requests: int, elapsed_ns: int = SAMPLE_NS) -> None:
        """Let an interval pass in which each group completed so many requests."""
        self.pass_by(Interval(elapsed_ns, tuple([NS_PER_MS] * number for number in requests), []))

    def close(self) -> None:
        """End the window a little later, with the last row."""
        self.now_ns += 1
        self.window.sample(self.now_ns)
        self.rows.append(self.window.end_second(self.now_ns, self.errors))

    @property
    def rates(self) -> Spread:
        return compute_spread(np.array(self.window.group_rates_per_s))


@fewer
@given(intervals=INTERVALS)
def test_the_rows_add_up(intervals: list[Interval]) -> None:
    recording = Recording()
    for interval in intervals:
        recording.pass_by(interval)
    recording.close()
    rows = recording.rows
    assert sum(row.requests for row in rows) == sum(interval.ended for interval in intervals)
    assert sum(row.errors for row in rows) == sum(len(interval.timed_out) for interval in intervals)
    assert [row.end_s for row in rows] == sorted({row.end_s for row in rows})
    assert rows[-1].end_s == pytest.approx((recording.now_ns - BEGIN_NS) / NS_PER_S)


@fewer
@given(intervals=INTERVALS)
def test_the_rate_of_a_row_is_its_requests_over_its_length(intervals: list[Interval]) -> None:
    recording = Recording()
    for interval in intervals:
        recording.pass_by(interval)
    recording.close()
    begin_s = 0.0
    for row in recording.rows:
        assert row.requests_per_s * (row.end_s - begin_s) == pytest.approx(row.requests, rel=1e-3)
        begin_s = row.end_s


@fewer
@given(intervals=INTERVALS)
def test_the_histograms_hold_every_latency(intervals: list[Interval]) -> None:
    recording, response, service = Recording(), LatencyHistogram(), LatencyHistogram()
    for interval in intervals:
        recording.pass_by(interval)
        for latencies_ns in (*interval.completed, interval.timed_out):
            response.record(np.array(latencies_ns, dtype=np.int64))
        for services_ns in interval.delayed:
            response.record(np.array(services_ns, dtype=np.int64) + WAIT_NS)
        for services_ns in (*interval.completed, *interval.delayed):
            service.record(np.array(services_ns, dtype=np.int64))
    recording.close()
    assert recording.window.response.encode() == response.encode()
    assert recording.window.service.encode() == service.encode()
    assert LatencyHistogram.merge(row.histogram for row in recording.rows).encode() == response.encode()


def test_overdue_ones_have_a_latency_but_are_no_requests() -> None:
    recording = Recording(groups=1)
    recording.pass_by(Interval(NS_PER_S, ([1 * NS_PER_MS, 2 * NS_PER_MS],), timed_out=[300 * NS_PER_MS]))
    (row,) = recording.rows
    assert (row.requests, row.errors) == (2, 1)
    assert percentiles_ms(row, 100) == [300.0]
    assert LatencyHistogram.decode(row.histogram).total == 3


def test_the_latencies_of_a_row_are_its_own() -> None:
    recording = Recording(groups=1)
    recording.pass_by(Interval(NS_PER_S, ([9 * NS_PER_MS],), []))
    recording.pass_by(Interval(NS_PER_S, ([1 * NS_PER_MS, 2 * NS_PER_MS, 3 * NS_PER_MS],), []))
    first, second = recording.rows
    assert percentiles_ms(first, 50, 100) == [9.0, 9.0]
    assert percentiles_ms(second, 50, 100) == [2.0, 3.0]


def percentiles_ms(row: PartSecond, *percents: float) -> list[object]:
    values_ns = LatencyHistogram.decode(row.histogram).percentiles_ns(percents)
    return [pytest.approx(value_ns / NS_PER_MS, rel=1e-3) for value_ns in values_ns]


def test_a_row_without_requests_has_no_latency() -> None:
    recording = Recording()
    recording.count(0, 0, elapsed_ns=NS_PER_S)
    (row,) = recording.rows
    assert (row.requests, row.requests_per_s) == (0, 0.0)
    assert LatencyHistogram.decode(row.histogram).total == 0


def test_what_was_in_the_buffers_before_the_window_is_forgotten() -> None:
    group = Group()
    for buffer in (group.prompt, group.response, group.service):
        buffer.extend([1, 2, 3])
    window = Window([group], BEGIN_NS, LONG_S)
    window.sample(BEGIN_NS + 1)
    row = window.end_second(BEGIN_NS + 1, errors=0)
    assert row.requests == window.response.total == window.service.total == 0


def test_a_row_is_due_every_second_after_the_beginning() -> None:
    window = Window([Group()], BEGIN_NS, LONG_S)
    assert not window.is_second_over(BEGIN_NS + NS_PER_S - 1)
    assert window.is_second_over(BEGIN_NS + NS_PER_S)
    window.end_second(BEGIN_NS + NS_PER_S + 50 * NS_PER_MS, errors=0)
    assert not window.is_second_over(BEGIN_NS + 2 * NS_PER_S - 1)
    assert window.is_second_over(BEGIN_NS + 2 * NS_PER_S)


def test_the_last_row_is_no_crumb() -> None:
    """Of 2.3 s the second row takes the rest: so each of several processes has as many rows."""
    window = Window([Group()], BEGIN_NS, 2.3)
    assert window.is_second_over(BEGIN_NS + NS_PER_S)
    window.end_second(BEGIN_NS + NS_PER_S, errors=0)
    assert not window.is_second_over(BEGIN_NS + 2 * NS_PER_S + 290 * NS_PER_MS)


def test_after_a_stall_the_next_row_ends_with_the_next_whole_second() -> None:
    window = Window([Group()], BEGIN_NS, LONG_S)
    window.end_second(BEGIN_NS + 4 * NS_PER_S + 300 * NS_PER_MS, errors=0)
    assert not window.is_second_over(BEGIN_NS + 5 * NS_PER_S - 1)
    assert window.is_second_over(BEGIN_NS + 5 * NS_PER_S)


def test_every_group_has_a_rate_in_every_sample() -> None:
    recording = Recording()
    recording.count(10, 20)
    recording.count(30, 40)
    rates = recording.rates
    assert rates.mean == pytest.approx(250.0)
    assert rates.max == pytest.approx(400.0)
    assert rates.stdev == pytest.approx(statistics.stdev([100.0, 200.0, 300.0, 400.0]))


def test_a_rate_is_over_the_time_that_really_passed() -> None:
    recording = Recording(groups=1)
    recording.count(10, elapsed_ns=2 * SAMPLE_NS)
    assert recording.rates.max == pytest.approx(50.0)


def test_a_sample_in_which_a_group_completed_nothing_is_no_rate_of_zero() -> None:
    recording = Recording()
    recording.count(10, 0)
    rates = recording.rates
    assert rates.mean == pytest.approx(100.0)
    assert rates.stdev == 0.0


def test_idle_samples_count_in_the_next_rate_of_the_group() -> None:
    """wrk (record_rate in wrk.c) restarts a thread's clock only where the thread completed something."""
    recording = Recording()
    recording.count(10, 10)
    recording.count(10, 0)
    recording.count(10, 10)
    rates = recording.rates
    assert rates.mean == pytest.approx(statistics.fmean([100.0, 100.0, 100.0, 100.0, 50.0]))


def test_no_requests_have_no_rates() -> None:
    recording = Recording()
    recording.count(0, 0)
    assert recording.rates.max == 0.0
