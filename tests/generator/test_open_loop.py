"""The open loop: what is due is begun whatever the server does, what waits is counted, and nothing is lost."""

from itertools import chain, cycle, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.latency import LatencyHistogram
from harness.load.result import Errors
from harness.load.spec import Arrivals, Stage
from tests.generator.accounting import assert_adds_up, play
from tests.generator.answers import CHUNKED, LARGE, SMALL, UNTIL_CLOSE, broken, closing, whole
from tests.generator.closed_port import closed_port
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.scripted_server import After, ScriptedServer

pytestmark = pytest.mark.alone  # it measures

RATE_PER_S = 200.0
STEADY = {"arrivals": Arrivals(rate_per_s=RATE_PER_S), "duration_s": 0.5}


def test_as_many_requests_are_begun_as_are_due() -> None:
    result, _ = play(repeat(whole(SMALL)), **STEADY)
    assert result.loop == "open"
    assert result.offered is not None
    assert result.offered.due == result.offered.begun == result.started == 100
    assert (result.offered.dropped, result.errors) == (0, Errors())


def test_both_times_are_kept_of_every_request() -> None:
    result, _ = play(repeat(whole(SMALL)), **STEADY)
    response, service = (LatencyHistogram.decode(text) for text in (result.histogram, result.service_histogram))
    assert response.total == service.total == result.requests
    assert result.latency_ms is not None
    assert result.service_ms is not None
    assert result.latency_ms.mean >= result.service_ms.mean
    assert result.offered is not None
    assert result.offered.send_lag_us is not None


def test_connections_are_opened_as_they_are_needed() -> None:
    result, server = play(repeat(whole(SMALL)), connections=50, arrivals=Arrivals(rate_per_s=50), duration_s=0.5)
    assert 1 <= server.connections < 10
    assert result.connections == 50


def test_what_finds_no_connection_waits_and_its_wait_counts() -> None:
    """One connection that stalls until its timeout: of the others, each waits in line as long as it is due."""
    script = chain([broken()], repeat(whole(SMALL)))
    result, server = play(script, connections=1, threads=1, timeout_s=0.3, **STEADY)
    assert result.offered is not None
    assert result.offered.queued > 30
    assert result.errors == Errors(timeout=result.errors.timeout)
    assert 1 <= result.errors.timeout < 20  # the stalled one, and those in line that were due soon after it
    assert result.latency_ms is not None
    assert result.service_ms is not None
    assert result.latency_ms.p75 > 0.05e3 > result.service_ms.p75
    assert server.connections == 2


def test_a_wait_longer_than_the_timeout_is_a_timeout_of_at_least_that() -> None:
    result, server = play(repeat(broken()), connections=1, threads=1, timeout_s=0.1, **STEADY)
    assert result.errors == Errors(timeout=result.errors.timeout)
    assert result.errors.timeout + result.unfinished == result.started == 100
    assert result.errors.timeout > 60
    assert LatencyHistogram.decode(result.histogram).total == result.errors.timeout
    assert LatencyHistogram.decode(result.service_histogram).total < result.errors.timeout  # some were never sent
    assert server.connections < 10


def test_refused_connections_are_counted_once_for_each_request() -> None:
    with forked_loop() as offer, closed_port() as port:
        result = offer(short_load(port, **STEADY))
    assert_adds_up(result)
    assert result.errors == Errors(connect=result.started)
    assert result.started == 100


def test_a_server_that_closes_idle_connections_costs_no_request() -> None:
    """It says keep-alive and closes after every response, while nothing is on the connection."""
    result, server = play(repeat(closing(SMALL)), connections=4, arrivals=Arrivals(rate_per_s=40), duration_s=0.6)
    assert result.ok + result.errors.read + result.errors.write == result.requests + result.errors.total
    assert result.ok > result.errors.total
    assert server.connections > 4


def test_stages_change_the_rate() -> None:
    arrivals = Arrivals(
        rate_per_s=0, stages=(Stage(duration_s=0.4, rate_per_s=200), Stage(duration_s=0.4, rate_per_s=0))
    )
    result, _ = play(repeat(whole(SMALL)), arrivals=arrivals, duration_s=0.8)
    assert result.started == 80


def test_the_warm_up_is_offered_the_same_rate_and_is_not_counted() -> None:
    with forked_loop() as offer, ScriptedServer(repeat(whole(SMALL))) as server:
        result = offer(short_load(server.port, warmup_s=0.3, **STEADY))
    assert_adds_up(result)
    assert result.offered is not None
    assert result.offered.due == pytest.approx(100, abs=5)
    assert server.responses == pytest.approx(160, abs=5)


MIXED = {
    "small": whole(SMALL),
    "large": whole(LARGE),
    "chunked": whole(CHUNKED),
    "until close": closing(UNTIL_CLOSE),
    "closed unannounced": closing(SMALL),
    "break": broken(LARGE[:100_000], after=After.CLOSE),
    "reset": broken(SMALL[:-1], after=After.RESET),
    "stall": broken(SMALL[:-1]),
    "garbage": broken(b"garbage\r\n\r\n"),
    "surplus": broken(SMALL + b"!"),
}


@settings(max_examples=10, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(MIXED)), min_size=1, max_size=6),
    connections=st.integers(1, 6),
    kind=st.sampled_from(["constant", "poisson"]),
)
def test_any_mixture_adds_up(names: list[str], connections: int, kind: str) -> None:
    arrivals = Arrivals.model_validate({"kind": kind, "rate_per_s": 400})
    changes = {"connections": connections, "threads": 1, "duration_s": 0.25, "timeout_s": 0.1}
    result, _ = play(cycle(MIXED[name] for name in names), arrivals=arrivals, **changes)
    assert result.offered is not None
    assert result.offered.due == result.offered.begun + result.offered.dropped
    assert result.started == result.offered.begun


def test_a_rate_that_nobody_can_keep_up_with_ends_in_time_and_is_the_generators_fault() -> None:
    """More comes due than can be begun: responses are read all the same, the window closes, and the rest is dropped."""
    result, _ = play(repeat(whole(SMALL)), arrivals=Arrivals(rate_per_s=5_000_000), duration_s=0.2, connections=20)
    assert result.duration_s < 2 * result.asked_duration_s
    assert result.requests > 0
    assert result.offered is not None
    assert result.offered.dropped > 0.01 * result.offered.due
    assert {"busy", "behind"} & {doubt.kind for doubt in result.doubts}
