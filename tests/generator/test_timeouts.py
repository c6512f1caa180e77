"""Requests that are not answered in time."""

from itertools import chain, repeat

import pytest

from harness.generator.latency import LatencyHistogram
from harness.generator.result import Errors
from harness.units import NS_PER_S
from tests.generator.accounting import play
from tests.generator.answers import CHUNKED, LARGE, SMALL, UNTIL_CLOSE, broken, whole

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


def test_a_stall_on_one_connection_leaves_the_others_alone() -> None:
    result, server = play(chain([broken()], repeat(whole(SMALL))), timeout_s=TIMEOUT_S, duration_s=DURATION_S)
    assert result.errors == Errors(timeout=1)
    assert result.ok > 0
    assert server.connections == result.connections + 1
