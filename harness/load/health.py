"""Checks of whether a result is limited by the generator rather than by the server, and advice if so."""

from collections.abc import Iterator
from typing import Final

from harness.load.result import HealthWarning, Offered
from harness.units import NS_PER_MS, NS_PER_S, NS_PER_US

MAX_BUSY: Final = 0.9  # share of the window
MAX_STALLED: Final = 0.05  # share of the window
MAX_DROPPED: Final = 0.01  # share of the requests due
MAX_LAG_OF_GAP: Final = 0.1
MAX_MISCOUNTED: Final = 0.02  # of the connections
MORE_ROOM: Final = (
    "Give it more processes (--processes, or processes in a scenario) or cores of its own (--cpus), or offer less."
)
STALL_NS: Final = 20 * NS_PER_MS  # a loop that is no later than this for its housekeeping was only busy
MIN_LAG_NS: Final = 100 * NS_PER_US  # a shorter lag is never reported


def lateness_limit_ns(gap_ns: float) -> float:
    """Return how long after it was due a request counts as late, if one is due every ``gap_ns`` on average (ns)."""
    return max(float(MIN_LAG_NS), MAX_LAG_OF_GAP * gap_ns)


def check_health(
    busy: float | None, stalled: float, offered: Offered | None, occupied: float | None = None
) -> list[HealthWarning]:
    """Return every reason to doubt a result that is the generator's fault, and not the server's.

    ``busy`` and ``stalled`` are shares of the window. ``occupied`` is the mean number of requests in flight, divided by
    the number of connections, each of which had one request. A loop that is kept from running need not be busy, since
    the server may wait for it meanwhile. A loop that is stopped does not even wait for a core, and in a closed loop no
    request is late: it shows only in that the loop is late for its housekeeping.
    """
    return [
        *_check_busy(busy),
        *_check_stalls(stalled),
        *(_check_dropped(offered) if offered else ()),
        *(_check_lag(offered) if offered else ()),
        *(_check_occupancy(occupied) if occupied is not None else ()),
    ]


def _check_busy(busy: float | None) -> Iterator[HealthWarning]:
    if busy is not None and busy >= MAX_BUSY:
        yield HealthWarning(
            kind="busy",
            what=f"the generator's loop was busy {busy:.0%} of the time, so the server may be able to do more.",
            advice=MORE_ROOM,
        )


def _check_stalls(stalled: float) -> Iterator[HealthWarning]:
    if stalled > MAX_STALLED:
        yield HealthWarning(
            kind="stalled",
            what=f"the generator's loop was kept from running for {stalled:.0%} of the time.",
            advice=(
                "Look for what took its core, and give it one of its own (--cpus); or for what stopped it: a signal,"
                " a debugger, a suspended virtual machine."
            ),
        )


def _check_dropped(offered: Offered) -> Iterator[HealthWarning]:
    if offered.dropped > MAX_DROPPED * offered.due:
        yield HealthWarning(
            kind="behind",
            what=f"the generator did not come to {offered.dropped:,} of the {offered.due:,} requests that were due.",
            advice=MORE_ROOM,
        )


def _check_lag(offered: Offered) -> Iterator[HealthWarning]:
    lag = offered.send_lag_us
    if lag is not None and lag.p99 > (most_us := lateness_limit_ns(NS_PER_S / offered.rate_per_s) / NS_PER_US):
        yield HealthWarning(
            kind="lagging",
            what=(
                f"one request in a hundred was taken up more than {lag.p99:,.0f} µs after it was due"
                f" ({most_us:,.0f} µs would pass), which is in the response times."
            ),
            advice="Look for what else runs on the generator's core; give it one of its own (--cpus), or offer less.",
        )


def _check_occupancy(occupied: float) -> Iterator[HealthWarning]:
    if abs(occupied - 1) > MAX_MISCOUNTED:
        yield HealthWarning(
            kind="miscounted",
            what=(
                f"mean response time × requests/s is {occupied:.1%} of the connections, each of which had a request at"
                " all times (Little's law): a response time, or a request, is miscounted."
            ),
            advice="Believe no response time of it, and report this with the run: it is a fault of the harness.",
        )
