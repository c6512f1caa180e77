"""What can't be planned with, why, and what to measure instead."""

from dataclasses import dataclass

from harness.errors import HarnessError


@dataclass(frozen=True)
class Excluded:
    """A topology that comes not into question. ``why`` and ``advice`` are a sentence each."""

    topology: str
    why: str
    advice: str


class BeyondDataError(HarnessError, ValueError):
    """The measurements do not carry what was asked of them. The message says why, in a sentence."""


class PlanningError(HarnessError):
    """Nothing can be planned from this run. The message holds every reason, a line each."""
