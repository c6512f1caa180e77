"""A finding: one weakness of the figures of a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A weakness of the figures: ``what`` was found, and the ``advice`` on it, each a sentence."""

    what: str
    advice: str
