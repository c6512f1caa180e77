"""Commits to be measured: found, checked out side by side, prepared, and removed again."""

from harness.machine.git import RevisionError
from harness.measure.revisions.checkout import checkouts
from harness.measure.revisions.lacking import (
    describe_ignored_files,
    describe_missing_files,
    list_ignored_files,
)
from harness.measure.revisions.revision import find_revision, snapshot
from harness.measure.revisions.twins import twin_checkouts

__all__ = [
    "RevisionError",
    "checkouts",
    "describe_ignored_files",
    "describe_missing_files",
    "find_revision",
    "list_ignored_files",
    "snapshot",
    "twin_checkouts",
]
