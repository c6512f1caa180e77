"""Notes on a load that wrk's block has no place for: how far to trust it and, of an open loop, what became of the
offer."""

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.load.latency import LatencySummary
from harness.load.result import LoadResult, Offered, SendLag
from harness.report.load.wrk import wrk_text
from harness.units import MS_PER_S, rate_text, wrk_time

US_PER_S: Final = 1_000_000
OFTEN: Final = 0.01  # a share of the requests
WIDTH: Final = 200  # no line is longer, so none is wrapped

_CLOSED: Final = (
    "Closed loop: while the server stalls nothing more is sent to it, so at most one request per connection meets the"
    " stall; to see what users would meet, who go on arriving, offer a rate (--rate)."
)
_ARRIVALS: Final = {"constant": "evenly spaced", "poisson": "Poisson arrivals"}


def load_text(result: LoadResult, latency: bool = False) -> str:
    """Return wrk's block, a blank line and the notes; ``latency`` adds wrk's distribution. It ends in a newline."""
    return "\n".join([wrk_text(result, latency), *notes(result)]) + "\n"


def notes(result: LoadResult) -> list[str]:
    """Return the lines to print under wrk's block. None of them can be mistaken for one of wrk's."""
    remarks = [
        *_errors(result),
        *_connections(result),
        *_protocol(result),
        *_bodies(result),
        *_processes(result),
        *_hosts(result),
        *_doubts(result),
    ]
    kinds = [*_kinds(result), ""] if result.by_request else []
    if result.offered is None:
        times = _times(result.latency_ms, result.service_ms, None) if result.latency_ms else ()
        return [*times, *([""] if times else []), *kinds, _CLOSED, *remarks]
    return [*_offer(result, result.offered), *(["", *kinds, *remarks] if kinds or remarks else [])]


def _offer(result: LoadResult, offered: Offered) -> Iterator[str]:
    """Yield the offer and what became of it, then the times."""
    yield (
        f"Open loop, {_ARRIVALS[offered.kind]}: {rate_text(offered.asked_per_s)} requests/s asked for,"
        f" {rate_text(offered.rate_per_s)} requests/s offered,"
        f" {rate_text(result.requests_per_s)} requests/s achieved."
    )
    yield from _counts(result, offered)
    yield ""
    if result.latency_ms:
        yield from _times(result.latency_ms, result.service_ms, offered.send_lag_us)
    else:
        yield "No request ended in the window, so there are no times."


def _counts(result: LoadResult, offered: Offered) -> list[str]:
    rows = [
        ("due", offered.due, "in the window"),
        ("begun", offered.begun, "of those due: taken up by the generator"),
        ("dropped", offered.dropped, "of those due: the window closed before the generator came to them"),
        (
            "late",
            offered.late,
            "of those begun: taken up more than 100 µs and a tenth of the mean gap after they were due",
        ),
        ("queued", offered.queued, "of those begun: no connection was free; the wait for one is in the response time"),
        ("unfinished", result.unfinished, "no response yet when the window closed: in none of the times below"),
    ]
    return _table([("requests", "", ""), *((name, f"{count:,}", meaning) for name, count, meaning in rows)])


def _times(response: LatencySummary, service: LatencySummary | None, lag: SendLag | None) -> list[str]:
    rows = [
        ("time", "p50", "p99", "p99.9", "p99.99", "max", ""),
        ("response", *_latencies(response), "since the request was due: the latency above"),
    ]
    if service:
        rows.append(("service", *_latencies(service), "since it was sent"))
    if lag:
        p50, p99, p99_9, most = (wrk_time(us / US_PER_S) for us in (lag.p50, lag.p99, lag.p99_9, lag.max))
        rows.append(("send lag", p50, p99, p99_9, "", most, "from due until the generator took it up"))
    return _table(rows)


def _kinds(result: LoadResult) -> list[str]:
    """Return a table with a row for each request of a mix."""
    rows = [("request", "requests", "good", "good/s", "p50", "p99", "errors", "")]
    for kind in result.by_request:
        of = kind.latency_ms
        p50, p99 = (wrk_time(of.p50 / MS_PER_S), wrk_time(of.p99 / MS_PER_S)) if of else ("–", "–")
        good_per_s = rate_text(kind.ok / result.duration_s)
        rows.append((kind.name, f"{kind.requests:,}", f"{kind.ok:,}", good_per_s, p50, p99, f"{kind.errors:,}", ""))
    return _table(rows)


def _latencies(of: LatencySummary) -> tuple[str, str, str, str, str]:
    p50, p99, p99_9, p99_99, most = (wrk_time(ms / MS_PER_S) for ms in (of.p50, of.p99, of.p99_9, of.p99_99, of.max))
    return p50, p99, p99_9, p99_99, most


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return aligned columns, with numbers between a name and a meaning; without colours even where FORCE_COLOR asks
    for them."""
    table = Table.grid(padding=(0, 2))
    for column in range(len(rows[0])):
        is_text = column in (0, len(rows[0]) - 1)
        table.add_column(justify="left" if is_text else "right", no_wrap=not is_text or column == 0)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(file=StringIO(), width=WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return [f"  {line}".rstrip() for line in captured.get().splitlines()]


def _errors(result: LoadResult) -> Iterator[str]:
    errors = result.errors
    if errors.timeout:
        yield (
            f"{errors.timeout:,} requests timed out: each is in the latencies with the time it had waited,"
            " so the true ones are at least these."
        )
    if errors.status != sum(count for status, count in result.statuses.items() if status >= 400):
        yield f'"Non-2xx or 3xx" counts the {errors.status:,} responses without an expected status.'


def _connections(result: LoadResult) -> Iterator[str]:
    if result.reconnected:
        often = " The server closes connections without saying so (--no-keepalive does not use them again)."
        yield (
            f"{result.reconnected:,} requests were sent again, on a new connection, since theirs had ended before the"
            f" answer began; their latency runs on.{often if result.reconnected_share > OFTEN else ''}"
        )
    if result.errors.stale:
        yield (
            f"{result.errors.stale:,} requests failed on connections that the server had closed without saying so:"
            " they are not idempotent, and were not sent again (--no-keepalive uses each connection once)."
        )


def _protocol(result: LoadResult) -> Iterator[str]:
    for reason, count in result.protocol_reasons.items():
        yield f"{count:,} answers were not HTTP/1.1: {reason}."


def _bodies(result: LoadResult) -> Iterator[str]:
    if result.is_unchecked:
        yield f"None of {result.to_check:,} bodies could be compared with the expected one: use a longer --duration."
    elif result.checked or result.errors.body:
        found = f"{result.errors.body:,} were not as expected" if result.errors.body else "all as expected"
        yield f"Checked {result.checked:,} of {result.requests:,} bodies: {found}."


def _processes(result: LoadResult) -> Iterator[str]:
    if result.processes > 1 or result.cpus:
        processes = "1 process" if result.processes == 1 else f"{result.processes} processes"
        pinned = f", pinned to {_cpus(result.cpus)}" if result.cpus else ""
        yield f"The generator ran as {processes}{pinned}."


def _hosts(result: LoadResult) -> list[str]:
    """Return a table with a row for each machine that generated the load, where that is said."""
    if not result.hosts:
        return []
    rows = [("machine", "processes", "requests", "requests/s", "errors", "busy", "round trip", "clock within", "")]
    for host in result.hosts:
        rows.append(
            (
                host.name,
                f"{host.processes}",
                f"{host.requests:,}",
                rate_text(host.requests / result.duration_s),
                f"{host.errors:,}",
                "–" if host.busy is None else f"{host.busy:.0%}",
                wrk_time(host.round_trip_us / US_PER_S),
                wrk_time(host.bound_us / US_PER_S),
                "",
            )
        )
    return _table(rows)


def _cpus(cpus: list[int]) -> str:
    return f"CPU{'s' if len(cpus) > 1 else ''} {', '.join(map(str, cpus))}"


def _doubts(result: LoadResult) -> Iterator[str]:
    for doubt in result.doubts:
        yield f"{doubt.title}: {doubt.what} {doubt.advice}"
