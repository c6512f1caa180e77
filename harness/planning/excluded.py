"""Topologies that a plan excludes, with the reason and what to measure instead; and the errors of planning."""

from dataclasses import dataclass

from harness.errors import HarnessError


@dataclass(frozen=True)
class Excluded:
    """A topology that a plan excludes. ``why`` and ``advice`` are a sentence each."""

    topology: str
    why: str
    advice: str


class BeyondDataError(HarnessError, ValueError):
    """An error for a question that goes beyond the measurements. The message says why, in a sentence."""


class PlanningError(HarnessError):
    """An error for a run from which nothing can be planned. The message holds every reason, a line each."""
