"""Commits to be measured: found, checked out side by side, made ready, and taken away again."""

from harness.revisions.checkout import checkouts
from harness.revisions.git import RevisionError
from harness.revisions.lacking import what_checkouts_lack
from harness.revisions.revision import Revision, find_revision, snapshot

__all__ = ["Revision", "RevisionError", "checkouts", "find_revision", "snapshot", "what_checkouts_lack"]
