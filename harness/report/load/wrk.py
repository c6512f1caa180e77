"""The text that wrk would have printed of one load, line for line, so that readers of wrk's output can read it."""

from collections.abc import Callable, Iterator

from harness.load.latency import LatencyHistogram, Spread
from harness.load.result import LoadResult
from harness.units import MS_PER_S, NS_PER_S, rate_text, wrk_binary, wrk_metric, wrk_time, wrk_whole_time


def wrk_text(result: LoadResult, latency: bool = False) -> str:
    """Return the block that wrk prints; ``latency`` adds its Latency Distribution. It ends in a newline.

    Requests over the timeout are counted in the latencies, from which wrk drops them.
    """
    return "\n".join(_lines(result, latency)) + "\n"


def _lines(result: LoadResult, latency: bool) -> Iterator[str]:
    errors = result.errors
    yield f"Running {wrk_whole_time(result.asked_duration_s)} test @ {result.url}"
    yield f"  {result.threads} threads and {result.connections} connections{_offer(result)}"
    yield "  Thread Stats   Avg      Stdev     Max   +/- Stdev"
    yield _spread("Latency", result.latency_ms or _NOTHING, lambda ms: wrk_time(ms / MS_PER_S))
    yield _spread("Req/Sec", result.group_requests_per_s, wrk_metric)
    if latency:
        yield "  Latency Distribution"
        percents = [50, 75, 90, 99]
        values_ns = (
            LatencyHistogram.decode(result.histogram).percentiles_ns(percents) if result.latency_ms else [0.0] * 4
        )
        for percent, value_ns in zip(percents, values_ns, strict=True):
            yield f"{percent:7d}%{_pad(wrk_time(value_ns / NS_PER_S), 10)}"
    yield f"  {result.requests} requests in {wrk_time(result.duration_s)}, {wrk_binary(result.bytes)}B read"
    read = errors.read + errors.stale + errors.protocol  # one count in wrk
    if errors.connect or read or errors.write or errors.timeout:
        yield (
            f"  Socket errors: connect {errors.connect}, read {read}, write {errors.write}, timeout {errors.timeout}"
        )
    if errors.status:
        yield f"  Non-2xx or 3xx responses: {errors.status}"
    yield f"Requests/sec: {result.requests_per_s:9.2f}"
    yield f"Transfer/sec: {wrk_binary(result.bytes_per_s):>10}B"


def _offer(result: LoadResult) -> str:
    """Return the offered rate, for which wrk has no words, without hiding wrk's own words."""
    if result.offered is None:
        return ""
    return f" at most, {rate_text(result.offered.rate_per_s)} requests/s offered, {result.offered.kind}"


_NOTHING = Spread(mean=0.0, stdev=0.0, max=0.0, within_stdev_percent=0.0)


def _spread(name: str, spread: Spread, text: Callable[[float], str]) -> str:
    columns = _pad(text(spread.mean), 8) + _pad(text(spread.stdev), 10) + _pad(text(spread.max), 9)
    return f"    {name:<10}{columns}{spread.within_stdev_percent:8.2f}%"


def _pad(text: str, width: int) -> str:
    """Return the text right-aligned so that the digits line up: a unit of no, one or two letters stands right of
    them."""
    spaces = sum(not letter.isalpha() for letter in text[-2:])
    return f"{text:>{width - spaces}}{' ' * spaces}"
