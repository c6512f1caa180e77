"""Two commits of one scenario, made ready to be compared side by side on this machine."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.measure.preparation import PreparedRun, prepare
from harness.measure.revisions import checkouts, find_revision, snapshot, what_checkouts_lack
from harness.record import Revision
from harness.scenario import Scenario, ScenarioError
from harness.text import printable

USUAL_GATES_OF_A_RATE: Final = ("p99 > +10%", "cpu_per_request > +5%", "errors > +0.1%", "memory > +10%")
USUAL_GATES: Final = ("throughput < -5%", *USUAL_GATES_OF_A_RATE)  # under a rate the requests/s are what was offered


def usual_gates(scenario: Scenario) -> tuple[str, ...]:
    """What may not happen from one commit to the next where nobody says otherwise."""
    return USUAL_GATES_OF_A_RATE if scenario.load.arrivals else USUAL_GATES


def find_sides(repository: Path, base: str, head: str | None) -> tuple[Revision, Revision]:
    """Base and head; without a head, the working tree is meant. Raises RevisionError."""
    return find_revision(repository, base), snapshot(repository) if head is None else find_revision(repository, head)


@contextmanager
def side_by_side(
    scenario: Scenario, repository: Path, sides: tuple[Revision, Revision], seed: int
) -> Iterator[PreparedRun]:
    """The comparison of every topology with itself, with both commits checked out and made ready until the context is
    left. Raises RevisionError and ScenarioError."""
    _check_passed(scenario.prepare_pass_env)
    with checkouts(repository, *sides, scenario.prepare, scenario.passed_to_prepare) as folders:
        yield prepare(scenario.on_two_commits(*folders), seed, sides)


def _check_passed(names: Sequence[str]) -> None:
    if missing := [name for name in names if name not in os.environ]:
        raise ScenarioError(
            f"prepare_pass_env names {', '.join(missing)}, which the environment does not have: export it, or leave it"
            " out"
        )


def what_is_lacking(repository: Path, prepared: PreparedRun) -> Iterator[str]:
    """Yield what the servers of either commit might miss in its checkout, a line each. Raises RevisionError."""
    base, head = prepared.scenario.topologies[:2]
    assert base.side and head.side  # noqa: PT018 (they are a pair)
    before, after = prepared.revisions
    folders = Path(base.side.root), Path(head.side.root)
    yield from map(printable, what_checkouts_lack(repository, (before, after), folders))
