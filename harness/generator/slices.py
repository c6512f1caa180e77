"""The slices of one load, joined into the result of one window: counts are added, histograms merged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Self

from harness.generator.combine import combine_results
from harness.generator.crew import Crew
from harness.generator.merge import merge_parts, merge_seconds, row_percentiles_ms
from harness.generator.messages import PartSlice, ProcessResult
from harness.generator.partial import count_all, multiply_rates
from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult, Second
from harness.load.spec import Load
from harness.units import NS_PER_S


@dataclass(frozen=True)
class MeasuredSlice:
    """One slice of all processes of a generator, each with its part. ``row`` is its window in the series."""

    parts: tuple[PartSlice, ...]
    row: Second

    @classmethod
    def of(cls, parts: Sequence[PartSlice], seconds: Sequence[Second]) -> Self:
        """Return the slice with these parts, whose window had these whole seconds and a last one."""
        last = merge_seconds([part.window.last_second for part in parts])
        return cls(tuple(parts), _with_rate(_join_seconds([*seconds, last]), parts))

    def with_rates(self, factor: float) -> Self:
        """Return the slice with its rates multiplied."""
        parts = [part.model_copy(update={"window": multiply_rates(part.window, factor)}) for part in self.parts]
        return type(self)(tuple(parts), _with_rate(self.row, parts))

    def from_idle_to_idle(self) -> Self:
        """Return the slice with the rates at which all its requests were answered (see :func:`count_all`)."""
        parts = [count_all(part) for part in self.parts]
        return type(self)(tuple(parts), _with_rate(self.row, parts))

    @property
    def lead_in_s(self) -> float:
        """The time until every connection was answered once."""
        return max(part.lead_in_s for part in self.parts)

    @property
    def duration_s(self) -> float:
        """The duration of its window."""
        return max(part.window.duration_s for part in self.parts)

    @property
    def elapsed_s(self) -> float:
        """The time from idle to idle (the loop's clock)."""
        return max(part.elapsed_s for part in self.parts)

    @property
    def window_ns(self) -> tuple[int, int]:
        """The begin and the end of its window (the loop's clock, which is the monotonic one, unless it took turns)."""
        begins_ns = [part.window.began_ns for part in self.parts]
        ends_ns = [part.window.began_ns + round(part.window.duration_s * NS_PER_S) for part in self.parts]
        return min(begins_ns), max(ends_ns)

    @property
    def requests(self) -> int:
        """The number of complete responses in its window."""
        return sum(part.window.requests for part in self.parts)

    @property
    def requests_per_s(self) -> float:
        """The responses per second in its window, those under way at its ends counted by their parts."""
        return self.row.requests_per_s

    @property
    def answered(self) -> int:
        """The number of complete responses from idle to idle, those before and after its window included."""
        return sum(part.answered for part in self.parts)

    @property
    def cpu_s(self) -> float:
        """The CPU time of the processes on this machine and on others, from idle to idle."""
        return sum(part.window.cpu_s for part in self.parts)

    @property
    def undrained(self) -> int:
        """The number of requests that were given up at its end."""
        return sum(part.undrained for part in self.parts)

    @property
    def outlasting(self) -> int:
        """The number of requests that took longer than its window, of which only those that came after it are known."""
        drained = LatencyHistogram.merge(part.drained_histogram for part in self.parts)
        return self.undrained + drained.above(self.duration_s * NS_PER_S)

    @property
    def latencies(self) -> LatencyHistogram:
        """The latencies of all requests that ended after its window began, those that were drained included."""
        return LatencyHistogram.merge(
            text for part in self.parts for text in (part.window.histogram, part.drained_histogram)
        )

    @property
    def stalled_s(self) -> float:
        """The time for which a loop was kept from running: the longest."""
        return max(part.window.stalled_s for part in self.parts)


def join_slices(load: Load, slices: Sequence[MeasuredSlice], crew: Crew) -> LoadResult:
    """Return the result of a whole load from its slices (at least one), as though their windows followed each other."""
    by_process = zip(*(each.parts for each in slices), strict=True)
    parts = [_join_windows([part.window for part in of_one]) for of_one in by_process]
    return merge_parts(load, parts, list(_join_rows(slices)), crew)


def _with_rate(row: Second, parts: Sequence[PartSlice]) -> Second:
    """Return the row with the rate that the windows of the parts have."""
    return row.model_copy(update={"requests_per_s": sum(part.window.requests_per_s for part in parts)})


def _join_rows(slices: Sequence[MeasuredSlice]) -> Iterator[Second]:
    """Yield the row of each slice, with the measured time until its end."""
    before_s = 0.0
    for each in slices:
        before_s += each.duration_s
        yield each.row.model_copy(update={"end_s": before_s})


def _join_seconds(rows: Sequence[Second]) -> Second:
    """Return rows that follow each other as one."""
    if len(rows) == 1:
        return rows[0]
    histogram = LatencyHistogram.merge(row.histogram for row in rows)
    p50_ms, p99_ms, max_ms = row_percentiles_ms(histogram)
    requests, end_s = sum(row.requests for row in rows), rows[-1].end_s
    return Second(
        end_s=end_s,
        requests=requests,
        requests_per_s=requests / end_s,
        errors=sum(row.errors for row in rows),
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        max_ms=max_ms,
        histogram=histogram.encode(),
    )


def _join_windows(windows: Sequence[ProcessResult]) -> ProcessResult:
    """Return the windows of one process as one, whose last second is of no account: the rows are joined elsewhere."""
    durations_s = [window.duration_s for window in windows]
    duration_s = sum(durations_s)
    busy_s = [window.busy * window.duration_s for window in windows if window.busy is not None]
    added = combine_results(windows)
    return added.model_copy(
        update={
            "processes": windows[0].processes,
            "duration_s": duration_s,
            "requests_per_s": _mean_rate([window.requests_per_s for window in windows], durations_s),
            "bytes_per_s": _mean_rate([window.bytes_per_s for window in windows], durations_s),
            "open_by_port": windows[-1].open_by_port,
            "busy": sum(busy_s) / duration_s if len(busy_s) == len(windows) else None,
            "stalled_s": sum(window.stalled_s for window in windows),
            "last_second": windows[-1].last_second,
        }
    )


def _mean_rate(rates: Sequence[float], durations_s: Sequence[float]) -> float:
    """Return the rate over all the time in which there were these rates."""
    answered: float = sum(map(mul, rates, durations_s))
    return answered / sum(durations_s)
