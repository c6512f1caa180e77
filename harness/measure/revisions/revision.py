"""The commit that is measured: the one that a ref names, or a snapshot of the working tree."""

import os
import tempfile
from pathlib import Path

from harness.machine.git import NOBODY, RevisionError, run_git
from harness.record.revision import Revision


def describe(repository: Path, ref: str, commit: str) -> Revision:
    """Return the commit as git describes it."""
    subject = run_git(repository, "log", "-1", "--format=%s", commit, "--")  # old commits may have any encoding
    return Revision(ref=ref, commit=commit, subject=os.fsencode(subject).decode(errors="replace"))


def find_revision(repository: Path, ref: str) -> Revision:
    """Return the commit that the ref names. Raises RevisionError when there is none."""
    if ref.startswith("-"):
        raise RevisionError(f"{ref}: not a commit, a branch or a tag")
    try:
        commit = run_git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except RevisionError as error:
        run_git(repository, "rev-parse", "--git-dir")  # raises first where this is no repository
        raise RevisionError(f"{ref}: no such commit, branch or tag here; perhaps git fetch brings it") from error
    return describe(repository, ref, commit)


def snapshot(repository: Path) -> Revision:
    """Return the working tree as a commit, with its changes and with new files that git does not ignore. The repository
    does not change, except that its object store holds the snapshot until git collects its garbage.

    The tree is read into an index of its own. So no change is hidden by what is staged, by files that the repository's
    index marks as unchanged, or by the user's settings of ``git status``. Raises RevisionError.
    """
    head = find_revision(repository, "HEAD")
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
        run_git(repository, "read-tree", "HEAD", env=index)
        run_git(repository, "add", "--all", ":/", env=index)
        tree = run_git(repository, "write-tree", env=index)
    if tree == run_git(repository, "rev-parse", f"{head.commit}^{{tree}}"):
        return head.as_working_tree()
    commit = run_git(repository, "commit-tree", tree, "-p", "HEAD", "-m", f"Working tree on {head.short}", env=NOBODY)
    return head.as_working_tree(commit)
