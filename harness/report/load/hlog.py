"""An HdrHistogram interval log: every second's latencies in full, for HdrHistogram's own tools."""

from collections.abc import Iterator
from datetime import datetime

from harness.load.result import LoadResult, Second


def hlog_text(result: LoadResult, began_at: datetime) -> str:
    """Return the log, version 1.3: an interval for each second, which together make the result's histogram exactly. It
    ends in a newline.

    ``began_at`` is when the window began, with its time zone. Values are nanoseconds, the log's Interval_Max
    milliseconds.

    Source: HistogramLogWriter of the Java HdrHistogram. The Python package's writer writes version 1.2, takes a start
    of 0 for none given, cuts the maximum to whole units and fails on a start time, so the lines are written here.
    """
    return "\n".join([*_head(result.url, began_at), *_intervals(result.series)]) + "\n"


def _head(url: str, began_at: datetime) -> Iterator[str]:
    epoch_s = began_at.timestamp()
    yield f"#[Response times of {url}: values in ns, Interval_Max in ms]"
    yield "#[Histogram log format version 1.3]"
    yield f"#[BaseTime: {epoch_s:.3f} (seconds since epoch)]"
    yield f"#[StartTime: {epoch_s:.3f} (seconds since epoch), {began_at.isoformat(' ')}]"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'


def _intervals(series: list[Second]) -> Iterator[str]:
    begin_s = 0.0
    for second in series:
        # As written, so that each interval ends where the next begins; of several processes, one that was held up may
        # report its last seconds after those of the others, and no reader accepts a negative length.
        end_s = max(begin_s, round(second.end_s, 3))
        yield f"{begin_s:.3f},{end_s - begin_s:.3f},{second.max_ms or 0:.3f},{second.histogram}"
        begin_s = end_s
