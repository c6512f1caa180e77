"""Whoever takes part in a trial is killed, stopped or starved: the record says so, and nothing is left."""

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil
import pytest

from harness.generator.loop import DISCARD_BYTES
from harness.measure.progress import Phase, Progress, Watch
from harness.record import TrialRecord
from tests.generator.accounting import assert_adds_up
from tests.server.family import Family
from tests.server.polling import wait_until
from tests.server.topologies import prefork
from tests.soak.faults import Blow, Strike
from tests.trial.trials import try_out

GENERATOR: Final = "harness.generator"
START_S: Final = 2.0  # many times what the small servers need
pytestmark = pytest.mark.faults


def at(phase: Phase, act: Callable[[], object]) -> Watch:
    """Do something once, as the phase begins."""
    waiting = [act]

    def watch(progress: Progress) -> None:
        if progress.phase is phase and waiting:
            waiting.pop()()

    return watch


REASONS: Final = {
    "server": "the server was killed by signal 9",
    "child of the server": r"worker \d+ ended during the trial: SIGKILL|1 worker was found",
    "generator": "the generator ended: exit code -9",
    "guardian": "its guardian has ended",
}
KILLS: Final = [Strike(victim, phase) for victim in REASONS for phase in Phase]
KILLS.remove(next(kill for kill in KILLS if (kill.victim, kill.phase) == ("generator", Phase.STOPPING)))  # has ended


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: f"{kill.victim}, {kill.phase.value}")
def test_a_kill_at_any_phase_spoils_that_trial_alone(kill: Strike, family: Family, log: Path) -> None:
    record = try_out(prefork(2), log, at(kill.phase, kill.strike), start_timeout_s=START_S)
    assert kill.struck, "nobody was killed"
    wait_until(lambda: not family.alive(), "everybody to be gone")
    if kill.phase is Phase.STOPPING:  # everything had been measured
        assert record.status == "ok"
        return
    is_measured = kill.victim == "child of the server"
    assert record.status == ("invalid" if is_measured else "failed")
    assert_says(record, REASONS[kill.victim])
    if record.load:
        assert_adds_up(record.load)


@pytest.mark.parametrize(
    ("strike", "reason"),
    [
        (Strike("server", Phase.WARMING_UP, Blow.STOP), r"supervisor \d+ was stopped for"),
        (Strike("child of the server", Phase.WARMING_UP, Blow.PAUSE), r"worker \d+ was stopped for"),
        (Strike("guardian", Phase.STARTING, Blow.STOP), None),  # it is told to go on, and watches from then on
        (Strike("probe", Phase.MEASURING, Blow.STOP), None),  # it tells CPU time
        (Strike("generator", Phase.WARMING_UP, Blow.TERM), "the generator ended: exit code -15"),
    ],
    ids=lambda value: f"{value.victim} {value.blow.value} {value.phase.value}" if isinstance(value, Strike) else "",
)
def test_who_is_stopped_or_asked_to_end_spoils_that_trial_or_does_not_matter(
    strike: Strike, reason: str | None, family: Family, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.server.supervised.GRACE_S", 0.3)
    monkeypatch.setattr("harness.server.supervised.NUDGE_S", 0.1)
    record = try_out(prefork(2), log, at(strike.phase, strike.strike), start_timeout_s=START_S)
    assert strike.struck, "nobody was struck"
    assert family.alive() == []
    if reason is None:
        assert (record.status, record.reason) == ("ok", None)
        return
    assert record.status != "ok"
    assert_says(record, reason)


def assert_says(record: TrialRecord, reason: str) -> None:
    """The reason is told."""
    assert record.reason is not None
    assert re.search(reason, record.reason), record.reason


def hang(family: Family) -> None:
    """Stop the generator, which tells nothing any more."""
    for process in family.alive(GENERATOR):
        process.send_signal(signal.SIGSTOP)


def starve(family: Family) -> None:
    """Give the generator hardly more memory than it has."""
    for process in family.alive(GENERATOR):
        most = process.memory_info().vms + DISCARD_BYTES // 2
        process.rlimit(psutil.RLIMIT_AS, (most, most))


@pytest.mark.parametrize(
    ("harm", "phase", "reason"),
    [
        (hang, Phase.WARMING_UP, "the generator was not ready after 1 s"),
        (hang, Phase.MEASURING, "the generator told nothing for"),
        # While it imports, it ends in one of the other ways: the last is what a library in Rust says at its end.
        (starve, Phase.WARMING_UP, "the generator ended: .*(MemoryError|failed to map|RUST_BACKTRACE)"),
    ],
)
def test_a_generator_that_hangs_or_has_no_memory_fails_the_trial(
    harm: Callable[[Family], None],
    phase: Phase,
    reason: str,
    family: Family,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.generator.process.SLACK_S", 1.0)
    monkeypatch.setattr("harness.generator.crew.START_S", 1.0)
    record = try_out(prefork(2), log, at(phase, lambda: harm(family)))
    assert record.status == "failed"
    assert_says(record, reason)
    assert family.alive() == []
