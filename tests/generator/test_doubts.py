"""When a result speaks of the generator rather than of the server."""

from collections.abc import Callable
from itertools import repeat
from pathlib import Path

import pytest

from harness.generator.cpu_use import SCHEDSTAT, CpuUse
from harness.load.health import check_health, lateness_limit_ns
from harness.load.latency import LatencyHistogram, Nanoseconds
from harness.load.result import Offered, SendLag
from harness.units import NS_PER_MS, NS_PER_US
from tests.generator.answers import whole
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.messages import sized
from tests.generator.scripted_server import ScriptedServer

SLOW = 100.0  # requests/s: a gap of 10 ms, so that a lag of 1 ms passes
record = LatencyHistogram.record
QUICK = 100_000.0  # a gap of 10 µs, so that a lag of 100 µs passes


def offered(rate_per_s: float = SLOW, dropped: int = 0, p99_us: float | None = 20.0) -> Offered:
    """A thousand requests due, of which some were dropped."""
    lag = None if p99_us is None else SendLag(p50=5, p90=10, p99=p99_us, p99_9=1e6, max=1e6)
    return Offered(
        kind="constant",
        is_ramp=False,
        asked_per_s=500.0,
        rate_per_s=rate_per_s,
        due=1000,
        begun=1000 - dropped,
        dropped=dropped,
        late=0,
        queued=900,
        send_lag_us=lag,
    )


@pytest.mark.parametrize(
    ("busy", "stalled", "load", "kinds"),
    [
        (None, 0.0, None, []),
        (0.0, 0.0, None, []),
        (0.899, 0.0, None, []),
        (0.9, 0.0, None, ["busy"]),
        (1.0, 0.0, None, ["busy"]),
        (0.0, 0.05, None, []),
        (0.0, 0.051, None, ["stalled"]),
        (None, 1.0, None, ["stalled"]),
        (0.5, 0.0, offered(), []),
        (None, 0.0, offered(), []),
        (0.95, 0.0, offered(), ["busy"]),
        (0.5, 0.4, offered(), ["stalled"]),
        (0.5, 0.0, offered(dropped=10), []),
        (0.5, 0.0, offered(dropped=11), ["behind"]),
        (0.5, 0.0, offered(dropped=1000, p99_us=None), ["behind"]),
        (0.5, 0.0, offered(SLOW, p99_us=1000), []),
        (0.5, 0.0, offered(SLOW, p99_us=1001), ["lagging"]),
        (0.5, 0.0, offered(QUICK, p99_us=100), []),
        (0.5, 0.0, offered(QUICK, p99_us=101), ["lagging"]),
        (1.0, 0.4, offered(dropped=500, p99_us=5000), ["busy", "stalled", "behind", "lagging"]),
    ],
)
def test_what_is_doubted(busy: float | None, stalled: float, load: Offered | None, kinds: list[str]) -> None:
    assert [doubt.kind for doubt in check_health(busy, stalled, load)] == kinds


@pytest.mark.parametrize(
    ("occupied", "kinds"), [(None, []), (1.0, []), (1.019, []), (1.021, ["miscounted"]), (0.979, ["miscounted"])]
)
def test_response_times_and_rate_that_do_not_make_the_connections_are_doubted(
    occupied: float | None, kinds: list[str]
) -> None:
    assert [doubt.kind for doubt in check_health(0.5, 0.0, None, occupied)] == kinds


def record_too_short(histogram: LatencyHistogram, latencies_ns: Nanoseconds) -> None:
    """A fault: a tenth of each latency is lost."""
    record(histogram, latencies_ns - latencies_ns // 10)


@pytest.mark.parametrize(("recorder", "kinds"), [(record, []), (record_too_short, ["miscounted"])])
def test_response_times_that_are_recorded_wrongly_are_found(
    recorder: Callable[[LatencyHistogram, Nanoseconds], None], kinds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LatencyHistogram, "record", recorder)
    with forked_loop() as offer, ScriptedServer(repeat(whole(sized(b"hello")))) as server:
        result = offer(short_load(server.port, warmup_s=0.1, duration_s=0.2, connections=8))
    assert [doubt.kind for doubt in result.doubts if doubt.kind == "miscounted"] == kinds
    assert (result.in_flight == pytest.approx(8, rel=0.02)) is not bool(kinds)


def test_nothing_due_is_no_reason_for_doubt() -> None:
    nothing = Offered(
        kind="poisson",
        is_ramp=False,
        asked_per_s=500.0,
        rate_per_s=0,
        due=0,
        begun=0,
        dropped=0,
        late=0,
        queued=0,
        send_lag_us=None,
    )
    assert check_health(0.1, 0.0, nothing) == []


def test_what_waited_for_the_server_is_not_the_generators_fault() -> None:
    assert offered().queued == 900
    assert check_health(0.1, 0.0, offered()) == []


def test_each_doubt_says_what_with_its_figures_and_what_to_do() -> None:
    found = {doubt.kind: doubt for doubt in check_health(0.93, 0.38, offered(dropped=500, p99_us=5432))}
    assert "93%" in found["busy"].what
    assert "kept from running for 38% of the time" in found["stalled"].what
    assert "500 of the 1,000 requests" in found["behind"].what
    assert "5,432 µs" in found["lagging"].what
    assert "1,000 µs would pass" in found["lagging"].what
    for doubt in found.values():
        assert doubt.what.endswith(".")
        assert doubt.advice.endswith(".")
        assert "--" in doubt.advice


def test_late_is_a_tenth_of_the_gap_and_never_less_than_100_us() -> None:
    assert lateness_limit_ns(20.0 * NS_PER_MS) == 2 * NS_PER_MS
    assert lateness_limit_ns(1.0 * NS_PER_MS) == lateness_limit_ns(1.0) == 100 * NS_PER_US


@pytest.mark.parametrize(
    ("cpu_s", "waited_s", "awake_s", "busy"),
    [
        (1.0, 0.0, 0.0, 0.5),
        (1.0, 0.5, 0.0, 0.75),  # a loop that is kept from running is as busy as one that runs
        (1.0, 0.5, 0.5, 0.5),  # being awake until something is due is not
        (1.9, 0.5, 0.0, 1.0),
        (0.1, 0.0, 0.2, 0.0),
    ],
)
def test_busy_is_work_and_being_kept_from_it(cpu_s: float, waited_s: float, awake_s: float, busy: float) -> None:
    assert CpuUse(cpu_s, waited_s).busy_share(2.0, awake_s) == pytest.approx(busy)


@pytest.mark.parametrize(
    ("answered_per_s", "connections", "waits", "preempted", "kept_s"),
    [
        (300, 1, 100, 0, 0.5),  # one connection waits whenever the loop does
        (300, 32, 250, 0, 0.5 * 1.3 / 32),  # waits of 2 ms, in which hardly another response comes
        (300, 32, 10, 0, 0.5 * 8.5 / 32),  # of 50 ms: half of the connections wait at the end of each
        (14_000, 16, 10, 0, 0.5),  # all of them soon do
        (10_000, 256, 167, 167, 0.5),  # it never slept: it had work all the time
        (300, 32, 250, 125, 0.25 + 0.25 * 1.3 / 32),
    ],
)
def test_connections_wait_for_the_loop_only_with_a_response(
    answered_per_s: float, connections: int, waits: int, preempted: int, kept_s: float
) -> None:
    used = CpuUse(1.0, 0.5, waits, preempted)
    assert used.kept_waiting_s(answered_per_s, connections) == pytest.approx(kept_s)
    assert CpuUse(1.0, None).kept_waiting_s(answered_per_s, connections) == 0.0


def test_without_the_kernels_statistics_nobody_knows_how_busy_it_was() -> None:
    assert CpuUse(1.0, None).busy_share(2.0, 0.0) is None
    assert CpuUse(2.0, None).subtract(CpuUse(1.0, 0.5)) == CpuUse(1.0, None)
    assert CpuUse(2.0, 0.5).subtract(CpuUse(1.0, None)) == CpuUse(1.0, None)


@pytest.mark.parametrize("content", [None, b"", b"123", b"1 two 3", b"\xff \xff"])
def test_statistics_that_can_not_be_read_are_unknown(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "schedstat"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setattr("harness.generator.cpu_use.SCHEDSTAT", file)
    assert CpuUse.read_counters().waited_s is None


def test_statistics_are_read_as_nanoseconds_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "schedstat"
    file.write_text("5000000000 1500000000 42\n")
    monkeypatch.setattr("harness.generator.cpu_use.SCHEDSTAT", file)
    found = CpuUse.read_counters()
    assert (found.waited_s, found.waits) == (1.5, 42)


def test_work_shows_in_the_real_counters() -> None:
    before = CpuUse.read_counters()
    sum(number * number for number in range(500_000))
    used = CpuUse.read_counters().subtract(before)
    assert used.cpu_s > 0
    if SCHEDSTAT.exists():
        assert used.waited_s is not None
        assert used.waited_s >= 0
