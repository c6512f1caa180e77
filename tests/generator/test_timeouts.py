"""Requests that are not answered in time."""

import time
from functools import partial
from itertools import chain, cycle, repeat

import pytest

from harness.generator.walk import Walk
from harness.load.latency import LatencyHistogram
from harness.load.result import Errors
from harness.units import NS_PER_S
from tests.generator.accounting import assert_adds_up, play
from tests.generator.answers import CHUNKED, LARGE, SMALL, UNTIL_CLOSE, broken, whole
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.scripted_server import Answer, ScriptedServer

TIMEOUT_S, DURATION_S = 0.1, 0.35
PRECISION = 1e-3  # of the histogram


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((), id="no answer"),
        pytest.param((SMALL[:20],), id="mid-head"),
        pytest.param((LARGE[:100_000],), id="mid-body"),
        pytest.param((CHUNKED[:-5],), id="mid-chunk"),
        pytest.param((UNTIL_CLOSE,), id="never closed"),
    ],
)
def test_a_stall_times_out(pieces: tuple[bytes, ...]) -> None:
    """The latency that is kept is at least the timeout, and the connection is replaced."""
    result, server = play(repeat(broken(*pieces)), timeout_s=TIMEOUT_S, duration_s=DURATION_S)
    assert result.errors == Errors(timeout=result.errors.timeout)
    assert result.connections <= result.errors.timeout <= result.connections * result.duration_s / TIMEOUT_S
    assert server.connections > result.connections
    shortest_ns = LatencyHistogram.decode(result.histogram).values_ns()[0][0]
    assert shortest_ns >= TIMEOUT_S * NS_PER_S * (1 - PRECISION)


@pytest.mark.parametrize("response", [SMALL, LARGE, CHUNKED], ids=["small", "large", "chunked"])
def test_a_response_that_comes_too_late_is_no_request(response: bytes) -> None:
    """Neither when the generator had given it up, nor when it was still to look at the clock."""
    timeout_s = 0.02
    delays_s = cycle(timeout_s * (0.85 + 0.05 * step) for step in range(9))
    script = (Answer((response,), wait=partial(time.sleep, delay_s)) for delay_s in delays_s)
    with forked_loop() as offer, ScriptedServer(script) as server:
        result = offer(short_load(server.port, timeout_s=timeout_s, duration_s=DURATION_S))
    assert_adds_up(result)
    assert result.errors == Errors(timeout=result.errors.timeout)
    values_ns, counts = LatencyHistogram.decode(result.histogram).values_ns()
    assert counts[values_ns > timeout_s * NS_PER_S * (1 + PRECISION)].sum() <= result.errors.timeout
    assert counts[values_ns < timeout_s * NS_PER_S * (1 - PRECISION)].sum() <= result.requests
    assert result.errors.timeout > 0


def test_a_stall_on_one_connection_leaves_the_others_alone() -> None:
    result, server = play(chain([broken()], repeat(whole(SMALL))), timeout_s=TIMEOUT_S, duration_s=DURATION_S)
    assert result.errors == Errors(timeout=1)
    assert result.ok > 0
    assert server.connections == result.connections + 1


def rest(walk: Walk, now_ns: int) -> int:
    """Leave all connections as they are."""
    walk.due_ns = now_ns + 60 * NS_PER_S
    return now_ns


def test_connections_to_be_opened_again_as_the_window_begins_are_not_miscounted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first two answers come too late, in the warm-up, and in the window there is no error."""
    monkeypatch.setattr(Walk, "run_slice", rest)
    late = Answer((SMALL,), wait=partial(time.sleep, 1.5 * TIMEOUT_S))
    with forked_loop() as offer, ScriptedServer(chain(repeat(late, 2), repeat(whole(SMALL)))) as server:
        result = offer(
            short_load(server.port, connections=4, timeout_s=TIMEOUT_S, warmup_s=3 * TIMEOUT_S, duration_s=0.1)
        )
    assert result.errors == Errors()
    assert result.unfinished == 2
    assert result.in_flight is None
    assert "miscounted" not in [doubt.kind for doubt in result.doubts]
