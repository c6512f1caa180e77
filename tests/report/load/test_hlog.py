"""The interval log, read back with HdrHistogram's own reader."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.latency import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_DIGITS, LatencyHistogram
from harness.load.result import LoadResult
from harness.report.load.hlog import hlog_text
from tests.report.load.made import closed

BEGAN = datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC)

latencies_ns = st.integers(0, 2 * HIGHEST_NS) | st.integers(0, 5000) | st.integers(900_000, 1_100_000)


def read(text: str) -> list[Any]:
    """The intervals of a log, as the hdrh package's histograms."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.hlog"
        path.write_text(text, encoding="utf-8")
        reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS))
        intervals = list(iter(reader.get_next_interval_histogram, None))
        reader.close()
        return intervals


def counts(histogram: Any) -> npt.NDArray[np.int64]:
    """What each bucket of a histogram of the hdrh package holds."""
    return np.array(histogram.counts, dtype=np.int64)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(latencies_ns, max_size=30), min_size=1, max_size=4))
def test_the_intervals_are_the_result_and_nothing_else(seconds_ns: list[list[int]]) -> None:
    result = closed(*seconds_ns)
    intervals = read(hlog_text(result, BEGAN))
    assert [interval.get_total_count() for interval in intervals] == [len(each) for each in seconds_ns]
    whole = counts(HdrHistogram.decode(result.histogram))
    assert (np.sum([counts(interval) for interval in intervals], axis=0) == whole).all()
    assert whole.sum() == LatencyHistogram.decode(result.histogram).total


def ending(result: LoadResult, *ends_s: float) -> LoadResult:
    """The result with seconds that end then."""
    seconds = [second.model_copy(update={"end_s": end}) for second, end in zip(result.series, ends_s, strict=True)]
    return result.model_copy(update={"series": seconds})


def test_each_interval_begins_where_the_one_before_ended_and_the_first_with_the_window() -> None:
    result = ending(closed([10**6], [10**6], [10**6]), 1.00049, 2.0015, 2.7)
    intervals = read(hlog_text(result, BEGAN))
    began_ms = BEGAN.timestamp() * 1000
    assert [round(interval.get_start_time_stamp() - began_ms) for interval in intervals] == [0, 1000, 2002]
    assert [round(interval.get_end_time_stamp() - began_ms) for interval in intervals] == [1000, 2002, 2700]


def test_a_second_told_late_has_no_length_and_is_read_all_the_same() -> None:
    result = ending(closed([10**6], [10**6] * 2, [10**6] * 3), 1.0, 3.5, 3.0)
    intervals = read(hlog_text(result, BEGAN))
    assert [interval.get_total_count() for interval in intervals] == [1, 2, 3]
    assert [interval.get_end_time_stamp() - interval.get_start_time_stamp() for interval in intervals] == [
        1000,
        2500,
        0,
    ]


def test_the_head_is_that_of_version_1_3_and_the_maximum_is_in_milliseconds() -> None:
    lines = hlog_text(closed([1_500_000], []), BEGAN).splitlines()
    assert lines[0] == "#[Response times of http://127.0.0.1:8080/cart: values in ns, Interval_Max in ms]"
    assert lines[1] == "#[Histogram log format version 1.3]"
    assert lines[2] == "#[BaseTime: 1767323045.250 (seconds since epoch)]"
    assert lines[3] == "#[StartTime: 1767323045.250 (seconds since epoch), 2026-01-02 03:04:05.250000+00:00]"
    assert lines[4] == '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
    assert lines[5].startswith("0.000,1.000,1.500,HISTF")
    assert lines[6].startswith("1.000,1.000,0.000,HISTF")
    assert len(lines) == 7
