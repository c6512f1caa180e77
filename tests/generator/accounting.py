"""Short loads on scripted servers, and what must be true of every result, whatever the server did."""

from collections.abc import Iterable

from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.scripted_server import Answer, ScriptedServer


def play(script: Iterable[Answer], **changes: object) -> tuple[LoadResult, ScriptedServer]:
    """A short load on a server that plays the script; the result adds up and agrees with the server's counts."""
    with forked_loop() as offer, ScriptedServer(iter(script)) as server:
        result = offer(short_load(server.port, **changes))
    assert_adds_up(result)
    assert_agrees(result, server)
    return result, server


def assert_adds_up(result: LoadResult, windows: int = 1) -> None:
    """Every request that was started is in exactly one count, and all the ways to count agree.

    At the end of each window of a closed loop, a request may be in flight on every connection.
    """
    errors = result.errors
    ended = result.ok + errors.status + errors.body + errors.failed + errors.timeout
    assert result.started == ended + result.unfinished
    assert 0 <= result.reconnected <= result.started
    assert sum(result.protocol_reasons.values()) == errors.protocol
    assert result.checked <= result.to_check <= result.ok + errors.body
    assert 0 <= result.unfinished <= (windows * result.connections if result.loop == "closed" else result.started)
    assert result.requests == result.ok + errors.status + errors.body
    assert sum(result.statuses.values()) == result.requests
    assert sum(second.requests for second in result.series) == result.requests
    assert sum(second.errors for second in result.series) == errors.total
    if result.in_flight is not None:
        assert abs(result.in_flight - result.connections) <= 0.02 * result.connections
    assert LatencyHistogram.decode(result.histogram).total == result.requests + errors.timeout
    if result.by_request:
        assert_kinds_add_up(result)


def assert_kinds_add_up(result: LoadResult) -> None:
    """Every response is in the row of one kind, and so is every error but of those that had no connection."""
    kinds, errors = result.by_request, result.errors
    assert sum(kind.requests for kind in kinds) == result.requests
    assert sum(kind.ok for kind in kinds) == result.ok
    assert errors.total - errors.connect - errors.timeout <= sum(kind.errors for kind in kinds) <= errors.total
    for kind in kinds:
        timed_out = LatencyHistogram.decode(kind.histogram).total - kind.requests
        assert 0 <= timed_out <= kind.errors - (kind.requests - kind.ok)


def assert_agrees(result: LoadResult, server: ScriptedServer) -> None:
    """The server sent every response that was counted, those on their way at the end, and some that came too late; of
    what was sent again, it may have had the first as well.

    Without warm-up only.
    """
    assert result.requests <= server.responses <= result.requests + result.unfinished + result.errors.timeout
    assert server.requests.total() <= result.started + result.reconnected
