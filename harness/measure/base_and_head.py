"""The comparison of two commits, or of one with itself: both are checked out and prepared side by side here."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.analysis.noise import make_aa_scenario
from harness.measure.preparation import PreparedRun, prepare
from harness.measure.revisions import (
    RevisionError,
    checkouts,
    describe_ignored_files,
    describe_missing_files,
    find_revision,
    snapshot,
    twin_checkouts,
)
from harness.record import Revision
from harness.scenario import Scenario, ScenarioError
from harness.server.launch import reads_root
from harness.text import printable

DEFAULT_GATES_OF_A_RATE: Final = ("p99 > +10%", "cpu_per_request > +5%", "errors > +0.1%", "memory > +10%")
# Not under a rate: there the throughput is what was offered.
DEFAULT_GATES: Final = ("throughput < -5%", *DEFAULT_GATES_OF_A_RATE)


def default_gates(scenario: Scenario) -> tuple[str, ...]:
    """Return the gates of a comparison of two commits whose scenario has none."""
    return DEFAULT_GATES_OF_A_RATE if scenario.load.arrivals else DEFAULT_GATES


def find_sides(repository: Path, base: str, head: str | None) -> tuple[Revision, Revision]:
    """Return base and head; without a ``head``, the working tree takes its place. Raises RevisionError."""
    return find_revision(repository, base), snapshot(repository) if head is None else find_revision(repository, head)


@contextmanager
def prepare_side_by_side(
    scenario: Scenario,
    repository: Path,
    sides: tuple[Revision, Revision],
    seed: int,
    ignored: Sequence[str] | None = None,
) -> Iterator[PreparedRun]:
    """Yield the comparison of every topology with itself on both commits, which stay checked out and prepared within
    the context. Its doubts name the files that servers might miss there: of those that git ignores in the repository
    or, where the commits are from another one, of those ``ignored`` there. Raises RevisionError and ScenarioError."""
    _check_environment(scenario.prepare_pass_env)
    _check_images(scenario)
    with checkouts(repository, *sides, scenario.prepare, scenario.passed_to_prepare) as folders:
        prepared = prepare(scenario.on_two_commits(*folders), seed, sides)
        if ignored is None:
            said = describe_missing_files(repository, sides, folders)
        else:
            said = describe_ignored_files(ignored, folders)
        yield replace(prepared, doubts=tuple(map(printable, said)))


@contextmanager
def prepare_against_itself(scenario: Scenario, repository: Path, seed: int) -> Iterator[PreparedRun]:
    """Yield the comparison of the baseline with itself: from two checkouts of the working tree, as alike as two commits
    can be, or else, with the reason among its doubts, in the folder as it is. Raises ScenarioError."""
    with ExitStack() as stack:
        try:
            prepared = stack.enter_context(_prepare_twins(scenario, repository, seed))
        except (RevisionError, ScenarioError) as error:
            reason = f"Both sides run in this folder, since the server can't be run from two checkouts of it: {error}."
            prepared = replace(prepare(make_aa_scenario(scenario), seed), doubts=(reason,))
        yield prepared


@contextmanager
def _prepare_twins(scenario: Scenario, repository: Path, seed: int) -> Iterator[PreparedRun]:
    _check_environment(scenario.prepare_pass_env)
    tree = snapshot(repository)
    sides = tree, tree.model_copy(update={"ref": f"{tree.ref} with comments"})
    with twin_checkouts(repository, tree, scenario.prepare, scenario.passed_to_prepare) as folders:
        yield prepare(scenario.only([scenario.baseline.name]).on_two_commits(*folders), seed, sides)


def _check_images(scenario: Scenario) -> None:
    """Raise ScenarioError for a topology that would run the same image for both commits, and nothing of theirs."""
    for topology in scenario.topologies:
        if topology.image is not None and not reads_root(topology) and "{root}" not in topology.image:
            raise ScenarioError(
                f"topology {topology.name}: image {topology.image} would be the same for both commits: name the folder"
                " of the commit, {root}, in command or env, or in image (oci-archive:{root}/FILE, which prepare makes)"
            )


def _check_environment(names: Sequence[str]) -> None:
    if missing := [name for name in names if name not in os.environ]:
        raise ScenarioError(
            f"prepare_pass_env names {', '.join(missing)}, which the environment does not have: export it, or leave it"
            " out"
        )
