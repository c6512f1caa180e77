"""Commits to be measured: found, checked out side by side, made ready, and taken away again."""

from harness.machine.git import RevisionError
from harness.measure.revisions.checkout import checkouts
from harness.measure.revisions.lacking import what_checkouts_lack
from harness.measure.revisions.revision import find_revision, snapshot

__all__ = ["RevisionError", "checkouts", "find_revision", "snapshot", "what_checkouts_lack"]
