"""What is said of a server that knows better: in small what ``make truth`` checks in full."""

import os
import signal
import threading

import numpy as np
import pytest

from bench.truth.loads import closed_loop, offer, open_loop
from bench.truth.server import DelayingServer
from harness.generator.process import Generator
from harness.load.result import LoadResult
from harness.units import NS_PER_MS
from tests.generator.accounting import assert_adds_up

pytestmark = pytest.mark.alone  # it measures

RUN_S, FREEZE_AFTER_S, FROZEN_S, RATE_PER_S = 2.0, 0.6, 0.2, 400.0


def frozen(server: DelayingServer, load_of: str, connections: int) -> LoadResult:
    """A load on a server that is stopped for a tenth of it."""

    def freeze() -> None:
        os.kill(server.pid, signal.SIGSTOP)
        threading.Timer(FROZEN_S, os.kill, (server.pid, signal.SIGCONT)).start()

    def freeze_later(_: Generator) -> None:
        threading.Timer(FREEZE_AFTER_S, freeze).start()

    if load_of == "open":
        load = open_loop(server.url, RATE_PER_S, RUN_S, connections)
    else:
        load = closed_loop(server.url, RUN_S, connections)
    return offer(load, when_measuring=freeze_later)


@pytest.mark.parametrize("connections", [10, 200])
def test_an_open_loop_sees_what_a_stall_does_to_those_who_go_on_arriving(connections: int) -> None:
    """Of what was due in the stall, which is a tenth of all, each waited for its end: 95 % waited less than half."""
    with DelayingServer("none") as server:
        result = frozen(server, "open", connections)
    assert_adds_up(result)
    assert result.latency_ms is not None
    assert result.latency_ms.p95 == pytest.approx(FROZEN_S * 1000 / 2, rel=0.15)
    assert result.latency_ms.max >= 0.95 * FROZEN_S * 1000


def test_a_closed_loop_does_not_see_it_and_says_which_it_is() -> None:
    with DelayingServer("none") as server:
        result = frozen(server, "closed", 10)
    assert_adds_up(result)
    assert result.loop == "closed"
    assert result.latency_ms is not None
    assert result.latency_ms.p99 < 0.2 * FROZEN_S * 1000
    assert result.latency_ms.max >= 0.9 * FROZEN_S * 1000


@pytest.mark.parametrize("distribution", ["exponential", "bimodal"])
def test_the_percentiles_are_those_of_the_delays(distribution: str) -> None:
    """Up to what the machine adds on the way, here left much room; ``make truth`` leaves little."""
    with DelayingServer(distribution) as server:
        result = offer(open_loop(server.url, 300, 2.0, 100, "poisson"))
    assert_adds_up(result)
    assert result.requests <= len(server.log.took_ns) <= result.requests + result.unfinished
    answered_ns = server.log.took_ns[: result.requests]  # in the order of the answers: the unfinished were the last
    assert result.latency_ms is not None
    for percent, said_ms in ((50, result.latency_ms.p50), (95, result.latency_ms.p95)):
        true_ms = float(np.percentile(answered_ns, percent, method="inverted_cdf")) / NS_PER_MS
        assert 0.98 * true_ms <= said_ms <= 1.1 * true_ms + 5


def test_no_count_is_lost_between_three_processes() -> None:
    with DelayingServer("none") as server:
        result = offer(closed_loop(server.url, 1.0, 30), processes=3)
    assert_adds_up(result)
    assert result.processes == 3
    assert result.requests <= len(server.log.took_ns) <= result.requests + result.unfinished
