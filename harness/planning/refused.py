"""What can't be planned with, why, and what to measure instead."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refused:
    """A topology that comes not into question. ``why`` and ``advice`` are a sentence each."""

    topology: str
    why: str
    advice: str


class BeyondDataError(ValueError):
    """The measurements do not carry what was asked of them. The message says why, in a sentence."""


class PlanningError(Exception):
    """Nothing can be planned from this run. The message holds every reason, a line each."""
