"""When a result speaks of the generator rather than of the server, and what to do about it."""

from collections.abc import Iterator
from typing import Final

from harness.load.result import HealthWarning, Offered
from harness.units import NS_PER_MS, NS_PER_S, NS_PER_US

MOST_BUSY: Final = 0.9  # share of the window
MOST_STALLED: Final = 0.05  # share of the window
MOST_DROPPED: Final = 0.01  # share of the requests due
MOST_LAG_OF_GAP: Final = 0.1
MOST_MISCOUNTED: Final = 0.02  # of the connections
MORE_ROOM: Final = (
    "Give it more processes (--processes, or processes in a scenario) or cores of its own (--cpus), or offer less."
)
STALL_NS: Final = 20 * NS_PER_MS  # a loop that comes no later than this to its chores was only busy
LEAST_LAG_NS: Final = 100 * NS_PER_US  # no lag below this is worth a doubt


def late_after_ns(gap_ns: float) -> float:
    """How long after it was due a request is late, where one is due every ``gap_ns`` on the average."""
    return max(float(LEAST_LAG_NS), MOST_LAG_OF_GAP * gap_ns)


def doubts(
    busy: float | None, stalled: float, offered: Offered | None, occupied: float | None = None
) -> list[HealthWarning]:
    """Every reason to call a result generator-bound; none of them is the server's doing.

    ``busy`` and ``stalled`` are shares of the window; ``occupied`` is how many requests were on their way at a time, as
    a part of the connections, each of which had one. A loop may be kept from running and yet have time to rest, when
    the server waits for it meanwhile. One that is stopped does not even wait for a core, and in a closed loop nothing
    comes due: only that it is late for its chores tells.
    """
    return [
        *_busy(busy),
        *_stalled(stalled),
        *(_behind(offered) if offered else ()),
        *(_lagging(offered) if offered else ()),
        *(_miscounted(occupied) if occupied is not None else ()),
    ]


def _busy(busy: float | None) -> Iterator[HealthWarning]:
    if busy is not None and busy >= MOST_BUSY:
        yield HealthWarning(
            kind="busy",
            what=f"the generator's loop was busy {busy:.0%} of the time, so the server may be able to do more.",
            advice=MORE_ROOM,
        )


def _stalled(stalled: float) -> Iterator[HealthWarning]:
    if stalled > MOST_STALLED:
        yield HealthWarning(
            kind="stalled",
            what=f"the generator's loop was kept from running for {stalled:.0%} of the time.",
            advice=(
                "Look for what took its core, and give it one of its own (--cpus); or for what stopped it: a signal,"
                " a debugger, a suspended virtual machine."
            ),
        )


def _behind(offered: Offered) -> Iterator[HealthWarning]:
    if offered.dropped > MOST_DROPPED * offered.due:
        yield HealthWarning(
            kind="behind",
            what=f"the generator did not come to {offered.dropped:,} of the {offered.due:,} requests that were due.",
            advice=MORE_ROOM,
        )


def _lagging(offered: Offered) -> Iterator[HealthWarning]:
    lag = offered.send_lag_us
    if lag is not None and lag.p99 > (most_us := late_after_ns(NS_PER_S / offered.rate_per_s) / NS_PER_US):
        yield HealthWarning(
            kind="lagging",
            what=(
                f"one request in a hundred was taken up more than {lag.p99:,.0f} µs after it was due"
                f" ({most_us:,.0f} µs would pass), which is in the response times."
            ),
            advice="Look for what else runs on the generator's core; give it one of its own (--cpus), or offer less.",
        )


def _miscounted(occupied: float) -> Iterator[HealthWarning]:
    if abs(occupied - 1) > MOST_MISCOUNTED:
        yield HealthWarning(
            kind="miscounted",
            what=(
                f"mean response time × requests/s is {occupied:.1%} of the connections, each of which had a request at"
                " all times (Little's law): a response time, or a request, is miscounted."
            ),
            advice="Believe no response time of it, and report this with the run: it is a fault of the harness.",
        )
