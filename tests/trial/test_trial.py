"""One trial: what is recorded when all goes well, and what when something does not."""

import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from harness.load.cpus import Placement
from harness.load.spec import Expectation, Request
from harness.machine.clocks import Clocks
from harness.measure.launch import has_broken_connections
from harness.measure.progress import Phase, Progress
from harness.measure.trial import run_trial
from harness.record import PlannedTrial, TrialRecord
from harness.scenario import Topology
from harness.server.launch import find_free_port
from tests.generator.accounting import assert_adds_up
from tests.made_runs import load_result
from tests.server.family import Family
from tests.server.servers.serving import BODY, listen
from tests.server.topologies import SERVERS, prefork, small, topology
from tests.trial.trials import ignore, scenario, try_out, when_measuring

START_S: Final = 1.5  # many times what the small servers need


def kill(family: Family, word: str, which: slice = slice(None)) -> None:
    """SIGKILL to those processes of the family that say so, oldest first."""
    for process in sorted(family.alive(word), key=lambda process: process.pid)[which]:
        process.kill()


def worker_pids(record: TrialRecord) -> set[int]:
    """The workers in the census of the record."""
    return {process.pid for process in record.processes if process.role == "worker"}


def assert_good(record: TrialRecord) -> None:
    """The record is of a trial in which nothing went wrong, and all of it agrees."""
    assert (record.status, record.reason, record.log_tail) == ("ok", None, [])
    assert record.load is not None
    assert record.usage is not None
    assert_adds_up(record.load)
    assert record.load.errors.total == 0
    assert record.load.requests > 0
    assert {int(pid) for pid in record.load.workers} <= worker_pids(record)
    assert sum(record.load.workers.values()) == record.load.requests
    assert [(used.pid, used.role) for used in record.usage.processes] == [
        (process.pid, process.role) for process in record.processes
    ]
    # To the nanosecond where the kernel tells; the other times are in steps of 10 ms, of which small servers need few.
    assert any(used.busiest_thread_s != 0 for used in record.usage.processes)
    assert record.usage.rss_bytes > 0
    assert record.usage.window_s == record.usage.series[-1].end_s
    assert record.ready_s is not None
    assert record.body_bytes == len(BODY)
    assert TrialRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize(
    ("good", "processes"),
    [(small("page"), 1), (prefork(2), 3), (small("leaves_daemon"), 2)],
    ids=["single process", "prefork", "with a daemon"],
)
def test_a_good_server_gives_a_good_record(good: Topology, processes: int, family: Family, log: Path) -> None:
    seen: list[Progress] = []
    record = try_out(good, log, seen.append)
    assert_good(record)
    assert len(record.processes) == processes
    assert record.killed == processes - 1
    assert_in_order([progress.phase for progress in seen])
    assert family.alive() == []


def assert_in_order(phases: list[Phase]) -> None:
    """The phases came one after the other; a short warm-up may pass untold."""
    told = [phase for phase in dict.fromkeys(phases) if phase is not Phase.WARMING_UP]
    assert told == [Phase.STARTING, Phase.MEASURING, Phase.STOPPING]


def test_the_record_says_what_was_planned(log: Path) -> None:
    record = try_out(small("exits_at_once", workers=2), log)
    assert (record.trial, record.block, record.position) == ("r01-01-test", 1, 1)
    assert (record.topology, record.workers) == ("test", 2)


def test_bodies_that_always_differ_are_no_objection(log: Path) -> None:
    record = try_out(small("changing"), log)
    assert_good(record)
    assert record.body_sha256 is None


HOPELESS: Final = [
    pytest.param(small("exits_at_once"), "the server exited with 3", id="exits"),
    pytest.param(small("leaves_child"), "the server went to the background", id="leaves a child to serve"),
    pytest.param(small("garbage"), "does not speak HTTP", id="garbage"),
    pytest.param(topology("no-such-program", "{port}"), "can't be started: no-such-program", id="no program"),
]
NEVER_READY: Final = [
    pytest.param(small("never_listens"), "it does not listen on port", id="never listens"),
    pytest.param(small("silent"), "no answer to GET /", id="never answers"),
    pytest.param(small("broken"), "status 500", id="500"),
    pytest.param(small("redirects"), "status 302", id="redirect"),
]


@pytest.mark.parametrize(("bad", "reason"), HOPELESS)
def test_a_server_past_hope_gives_a_failed_record(bad: Topology, reason: str, family: Family, log: Path) -> None:
    assert_failed(try_out(bad, log), reason)
    assert family.alive() == []


@pytest.mark.parametrize(("bad", "reason"), NEVER_READY)
def test_a_server_that_is_never_ready_gives_a_failed_record(
    bad: Topology, reason: str, family: Family, log: Path
) -> None:
    assert_failed(try_out(bad, log, start_timeout_s=START_S), reason)
    assert family.alive() == []


def assert_failed(record: TrialRecord, reason: str) -> None:
    """The record says why nothing was measured."""
    assert record.status == "failed"
    assert record.reason is not None
    assert re.search(reason, record.reason), record.reason
    assert (record.load, record.usage) == (None, None)
    assert TrialRecord.model_validate_json(record.model_dump_json()) == record


def test_a_failed_record_has_the_last_words_of_the_server(log: Path) -> None:
    assert try_out(small("exits_at_once"), log).log_tail == ["there is no cart to serve"]


def test_a_worker_that_was_killed_makes_the_record_invalid(family: Family, log: Path) -> None:
    record = try_out(prefork(2), log, when_measuring(lambda: kill(family, "prefork", slice(2, 3))))
    assert record.status == "invalid"
    assert re.fullmatch(r"worker \d+ ended during the trial: SIGKILL", record.reason or "")
    assert record.load is not None
    assert_adds_up(record.load)
    assert record.usage is not None


def test_a_worker_that_was_killed_and_replaced_makes_the_record_invalid(family: Family, log: Path) -> None:
    record = try_out(prefork(2, "--respawn", "1"), log, when_measuring(lambda: kill(family, "prefork", slice(2, 3))))
    assert record.status == "invalid"
    assert re.fullmatch(r"worker \d+ ended during the trial: SIGKILL", record.reason or "")
    assert record.worker_counts is not None
    assert record.worker_counts.started == 1
    assert record.load is not None
    assert_adds_up(record.load)


def test_a_body_that_changes_makes_the_record_invalid(log: Path) -> None:
    record = try_out(small("turning"), log)
    assert record.status == "invalid"
    assert record.load is not None
    assert record.load.errors.body == record.load.requests > 0
    told = (
        f"{record.load.errors.body} bodies were not the one that the server sent before; no request got a good response"
    )
    assert record.reason is not None
    assert record.reason.startswith(told)
    assert_adds_up(record.load)


@pytest.mark.parametrize(
    ("expect", "is_good"),
    [
        (Expectation(same_body=False), True),
        (Expectation(body_matches="."), True),
        (Expectation(body_contains=BODY.decode()), False),
    ],
    ids=["any", "matches", "contains"],
)
def test_a_body_that_changes_rightly_is_what_the_scenario_expects(
    expect: Expectation, is_good: bool, log: Path
) -> None:
    planned = PlannedTrial(id="r01-01-test", block=1, position=1, seed=1, topology=small("turning"))
    made = scenario(planned.topology)
    load = made.load.model_copy(update={"expect": expect})
    record = run_trial(planned, made.model_copy(update={"load": load}), Placement(), log, ignore)
    assert record.load is not None
    if is_good:
        assert (record.status, record.reason) == ("ok", None)
        assert record.load.checked == (record.load.requests if expect.body_matches else 0)
    else:
        assert record.status == "invalid"
        assert record.reason is not None
        assert record.reason.startswith(f"{record.load.errors.body} bodies were not as expected; no request got")


MIX = (Request(path="/a"), Request(method="POST", path="/b", body=b"x"), Request(path="/missing"))


def test_each_request_of_a_mix_has_its_figures_in_the_record(log: Path) -> None:
    record = of_a_mix(MIX[:2], log)
    assert_good(record)
    assert record.load is not None
    assert [kind.name for kind in record.load.by_request] == ["GET /a", "POST /b"]


def test_a_mix_of_which_one_request_is_answered_badly_is_not_measured(log: Path) -> None:
    record = of_a_mix(MIX, log)
    assert (record.status, record.load) == ("failed", None)
    assert record.reason is not None
    assert record.reason.startswith("before the load, GET /missing is answered with status 404")


def of_a_mix(requests: tuple[Request, ...], log: Path) -> TrialRecord:
    planned = PlannedTrial(id="r01-01-test", block=1, position=1, seed=1, topology=small("mixed"))
    made = scenario(planned.topology)
    load = made.load.model_copy(update={"requests": requests})
    return run_trial(planned, made.model_copy(update={"load": load}), Placement(), log, ignore)


def test_a_stranger_on_the_port_makes_the_record_invalid(family: Family, log: Path) -> None:
    with ExitStack() as strangers:
        watch = when_measuring(lambda: strangers.enter_context(listen(port_of("shares_port", family), share=True)))
        record = try_out(small("shares_port"), log, watch)
    assert record.status == "invalid"
    assert record.reason is not None
    assert f"(pid {os.getpid()}) listened on the port too" in record.reason


@pytest.mark.parametrize("server", ["page", "shares_port"])
def test_a_port_that_a_stranger_took_is_given_up_for_another(
    server: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one can't listen on it, the other could, beside the stranger."""
    with listen(0, share=True) as stranger:
        ports = iter([stranger.getsockname()[1], find_free_port()])
        monkeypatch.setattr("harness.server.launch.find_free_ports", lambda *_: [next(ports)])
        assert_good(try_out(small(server), log))


def test_ports_that_are_taken_again_and_again_fail_the_trial(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listen(0) as stranger:
        port: int = stranger.getsockname()[1]
        monkeypatch.setattr("harness.server.launch.find_free_ports", lambda *_: [port])
        assert_failed(try_out(small("page"), log), rf"port {port} is in use by .*\(pid {os.getpid()}\)")


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (Clocks(100.0, 700.0, 1e9 + 600), "the machine slept for 600.0 s"),
        (Clocks(100.0, 100.0, 1e9 - 7), "the clock was set back by 7.0 s"),
    ],
)
def test_a_jump_of_the_clock_makes_the_record_invalid(
    later: Clocks, reason: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([Clocks(100.0, 100.0, 1e9), later])
    monkeypatch.setattr(Clocks, "now", lambda: next(readings))
    record = try_out(small("page"), log)
    assert (record.status, record.reason) == ("invalid", reason)


def port_of(word: str, family: Family) -> int:
    """The port that the process of the family was told."""
    (process,) = family.alive(word)
    words = process.cmdline()
    return int(words[words.index("--port") + 1])


def test_a_window_without_any_response_makes_the_record_invalid(log: Path) -> None:
    record = try_out(small("stalls"), log)
    assert record.status == "invalid"
    assert record.load is not None
    timeouts = record.load.errors.timeout  # of those whose time was out at the end of the longer warm-up
    timed_out = f"{timeouts} timed out, " if timeouts else ""
    waiting = f"{record.load.unfinished} had no answer when the window closed"
    assert record.reason == f"no request got a good response: {timed_out}{waiting}"
    assert record.load.unfinished == record.load.started - timeouts == record.load.connections


def test_a_window_without_any_good_response_makes_the_record_invalid(log: Path) -> None:
    record = try_out(small("exhausted"), log)
    assert record.load is not None
    assert record.load.ok == 0
    assert record.load.errors.status > 0
    assert record.status == "invalid"


def test_the_trial_after_a_failed_one_is_good(family: Family, log: Path) -> None:
    assert try_out(prefork(2), log, when_measuring(lambda: kill(family, SERVERS))).status == "failed"
    assert_good(try_out(prefork(2), log))


def test_an_error_of_who_watches_leaves_nothing_running(family: Family, log: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        try_out(small("leaves_daemon"), log, when_measuring(fail))
    assert family.alive() == []


@pytest.mark.parametrize("kind", ["read", "write", "stale"])
def test_connections_that_ended_before_their_time_speak_for_a_crash(kind: str) -> None:
    whole = load_result(100.0)
    assert not has_broken_connections(whole)
    assert has_broken_connections(whole.model_copy(update={"errors": whole.errors.model_copy(update={kind: 1})}))
    assert has_broken_connections(whole.model_copy(update={"reconnected": 1}))
