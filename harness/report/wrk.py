"""What wrk would have printed, line for line, so that whatever reads wrk's output reads this."""

from collections.abc import Callable, Iterator

from harness.load.latency import LatencyHistogram, Spread
from harness.load.result import LoadResult
from harness.record import Run, TrialRecord
from harness.scenario import Topology
from harness.units import MS_PER_S, NS_PER_S, rate_text, wrk_binary, wrk_metric, wrk_time, wrk_whole_time


def wrk_text(result: LoadResult, latency: bool = False) -> str:
    """The block wrk prints; ``latency`` adds its Latency Distribution. Ends in a newline.

    Where wrk drops a request over its timeout from the latencies, it is counted in here.
    """
    return "\n".join(_lines(result, latency)) + "\n"


def wrk_report(run: Run) -> str:
    """Every trial as a block under its topology's heading: the documented one where figures are documented."""
    return "\n\n".join(_section(topology, run) for topology in run.scenario.topologies) + "\n"


def _heading(topology: Topology, run: Run) -> str:
    documented = (figure.heading for figure in run.scenario.documented if figure.topology == topology.name)
    return next(documented, topology.name)


def _section(topology: Topology, run: Run) -> str:
    blocks = [_block(record) for record in run.records if record.topology == topology.name]
    return "\n\n".join([f"### {_heading(topology, run)}", *(blocks or ["not measured"])])


def _block(record: TrialRecord) -> str:
    notes = [f"{record.trial}: {record.status}: {record.reason}"] if record.reason else [record.trial]
    return "\n".join([*notes, wrk_text(record.load, latency=True).rstrip()] if record.load else notes)


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
            yield f"{percent:7d}%{_padded(wrk_time(value_ns / NS_PER_S), 10)}"
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
    """What wrk has no words for, put so that whoever looks for wrk's still finds them."""
    if result.offered is None:
        return ""
    return f" at most, {rate_text(result.offered.rate_per_s)} requests/s offered, {result.offered.kind}"


_NOTHING = Spread(mean=0.0, stdev=0.0, max=0.0, within_stdev_percent=0.0)


def _spread(name: str, spread: Spread, text: Callable[[float], str]) -> str:
    columns = _padded(text(spread.mean), 8) + _padded(text(spread.stdev), 10) + _padded(text(spread.max), 9)
    return f"    {name:<10}{columns}{spread.within_stdev_percent:8.2f}%"


def _padded(text: str, width: int) -> str:
    """Right-aligned so that the digits line up: a unit of no, one or two letters stands right of them."""
    spaces = sum(not letter.isalpha() for letter in text[-2:])
    return f"{text:>{width - spaces}}{' ' * spaces}"
