"""Recorded in bulk and merged, latencies are where HdrHistogram itself would have put them."""

import math
import statistics
from collections.abc import Iterable
from itertools import chain

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from harness.load.latency import (
    HIGHEST_NS,
    LOWEST_NS,
    SIGNIFICANT_DIGITS,
    LatencyHistogram,
    compute_spread,
)
from harness.units import NS_PER_MS

PRECISION = 10**-SIGNIFICANT_DIGITS
POWERS = st.integers(0, 41).flatmap(lambda power: st.integers(max(1, 2**power - 2), 2**power + 2))
LATENCIES = st.lists(st.integers(LOWEST_NS, HIGHEST_NS) | st.integers(LOWEST_NS, 10**7) | POWERS, max_size=60)
SOME_LATENCIES = LATENCIES.filter(bool)
PERCENTS = (0, 50, 75, 90, 95, 99, 99.9, 99.99, 100)


def histogram_of(latencies_ns: Iterable[int]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    histogram.record(np.array(list(latencies_ns), dtype=np.int64))
    return histogram


def library_histogram_of(latencies_ns: Iterable[int]) -> HdrHistogram:
    histogram = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
    for latency_ns in latencies_ns:
        assert histogram.record_value(latency_ns)
    return histogram


def filled(histogram: HdrHistogram) -> dict[int, int]:
    """How many values are counted at every index that has any."""
    counts = np.frombuffer(histogram.counts, dtype=np.int64)
    return {int(index): int(counts[index]) for index in np.flatnonzero(counts)}


def nearest_rank(latencies_ns: list[int], percent: float) -> int:
    return sorted(latencies_ns)[max(1, math.ceil(percent * len(latencies_ns) / 100)) - 1]


@given(latency_ns=st.integers(LOWEST_NS, HIGHEST_NS) | POWERS)
def test_a_value_is_counted_in_the_bucket_of_the_library(latency_ns: int) -> None:
    library = HdrHistogram.decode(histogram_of([latency_ns]).encode())
    assert library.get_count_at_index(library.get_counts_array_index(latency_ns)) == 1
    assert library.get_total_count() == 1


@given(latencies_ns=LATENCIES)
def test_the_encoded_form_is_the_one_of_the_library(latencies_ns: list[int]) -> None:
    encoded, library = histogram_of(latencies_ns).encode(), library_histogram_of(latencies_ns)
    assert filled(HdrHistogram.decode(encoded)) == filled(library)
    assert encoded == library.encode().decode()


@given(parts=st.lists(LATENCIES, max_size=4))
def test_merging_loses_nothing(parts: list[list[int]]) -> None:
    merged = LatencyHistogram.merge(histogram_of(part).encode() for part in parts)
    together = list(chain.from_iterable(parts))
    assert filled(HdrHistogram.decode(merged.encode())) == filled(library_histogram_of(together))
    assert merged.total == sum(map(len, parts))


@given(first=LATENCIES, second=LATENCIES)
def test_a_decoded_histogram_can_be_added_to(first: list[int], second: list[int]) -> None:
    histogram = LatencyHistogram.decode(histogram_of(first).encode())
    histogram.record(np.array(second, dtype=np.int64))
    assert histogram.encode() == histogram_of(first + second).encode()


@given(latencies_ns=SOME_LATENCIES)
def test_percentiles_are_within_the_precision_of_the_true_ones(latencies_ns: list[int]) -> None:
    percentiles_ns = histogram_of(latencies_ns).percentiles_ns(PERCENTS)
    true_ns = [nearest_rank(latencies_ns, percent) for percent in PERCENTS]
    assert percentiles_ns == pytest.approx(true_ns, rel=PRECISION, abs=0)


@given(latencies_ns=SOME_LATENCIES)
def test_the_summary_is_within_the_precision_of_the_sample(latencies_ns: list[int]) -> None:
    summary = histogram_of(latencies_ns).summary()
    assert summary is not None
    expected_ms = [
        statistics.fmean(latencies_ns) / NS_PER_MS,
        max(latencies_ns) / NS_PER_MS,
        *(nearest_rank(latencies_ns, percent) / NS_PER_MS for percent in (50, 75, 90, 95, 99, 99.9, 99.99)),
    ]
    percentiles = [summary.p50, summary.p75, summary.p90, summary.p95, summary.p99, summary.p99_9, summary.p99_99]
    assert [summary.mean, summary.max, *percentiles] == pytest.approx(expected_ms, rel=PRECISION, abs=0)


def test_one_latency_is_every_percentile() -> None:
    summary = histogram_of([2_000]).summary()
    assert summary is not None
    assert {summary.mean, summary.max, summary.p50, summary.p99, summary.p99_99} == {0.002}
    assert (summary.stdev, summary.within_stdev_percent) == (0.0, 100.0)


def test_nothing_recorded_has_no_summary() -> None:
    histogram = histogram_of([])
    assert histogram.total == 0
    assert histogram.summary() is None
    assert LatencyHistogram.decode(histogram.encode()).summary() is None


def test_resetting_forgets_everything() -> None:
    histogram = histogram_of([1_000, HIGHEST_NS])
    histogram.reset()
    histogram.record(np.array([2_000]))
    assert histogram.encode() == histogram_of([2_000]).encode()


@given(latencies_ns=st.lists(st.integers(HIGHEST_NS, 2**62), min_size=1, max_size=5))
def test_longer_than_an_hour_is_kept_at_an_hour(latencies_ns: list[int]) -> None:
    assert histogram_of(latencies_ns).encode() == histogram_of([HIGHEST_NS] * len(latencies_ns)).encode()


def test_no_time_at_all_is_kept_as_the_shortest() -> None:
    assert histogram_of([0, -1]).encode() == histogram_of([LOWEST_NS] * 2).encode()


VALUES = st.lists(st.just(0.0) | st.floats(1e-9, 1e6), min_size=1, max_size=40)  # the squares of less vanish


@given(values=VALUES)
def test_the_spread_is_that_of_the_statistics_module(values: list[float]) -> None:
    spread = compute_spread(np.array(values))
    stdev = statistics.stdev(values) if len(values) > 1 else 0.0
    assert spread.mean == pytest.approx(statistics.fmean(values))
    assert spread.stdev == pytest.approx(stdev, rel=1e-6, abs=1e-9 * max(values))
    assert spread.max == max(values)


@given(values=st.lists(st.integers(0, 1000), min_size=1, max_size=40))
def test_the_share_within_one_deviation(values: list[int]) -> None:
    """Reckoned in whole numbers, since (n*value - sum)² * (n-1) <= n * squares decides what the roots blur."""
    count, total = len(values), sum(values)
    squares = sum((count * value - total) ** 2 for value in values)
    deviations = [(count * value - total) ** 2 * (count - 1) - squares for value in values]
    spread = compute_spread(np.array(values, dtype=np.float64))
    within = sum(deviation < 0 for deviation in deviations)
    on_the_edge = sum(deviation == 0 for deviation in deviations)
    assert 100 * within / count - 1e-9 <= spread.within_stdev_percent
    assert spread.within_stdev_percent <= 100 * (within + on_the_edge) / count + 1e-9


@given(counted=st.dictionaries(st.integers(0, 1000), st.integers(1, 9), min_size=1, max_size=12))
def test_counts_stand_for_repeated_values(counted: dict[int, int]) -> None:
    values, counts = np.array(list(counted), dtype=np.float64), np.array(list(counted.values()))
    repeated = compute_spread(np.repeat(values, counts)).model_dump()
    assert compute_spread(values, counts).model_dump() == pytest.approx(repeated)


def test_no_values_have_no_spread() -> None:
    assert set(compute_spread(np.array([])).model_dump().values()) == {0.0}
