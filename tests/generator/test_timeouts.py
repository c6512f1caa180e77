"""Requests that are not answered in time."""

import time
from functools import partial
from itertools import chain, cycle, repeat

import pytest

from harness.generator.latency import LatencyHistogram
from harness.generator.result import Errors
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
