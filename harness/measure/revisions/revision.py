"""Which commit is meant: a ref, or the working tree as it is."""

import os
import tempfile
from pathlib import Path
from typing import Final

from harness.machine.git import RevisionError, git
from harness.record.revision import Revision

WORKING_TREE: Final = "working tree"
_NOBODY: Final = {  # so that the same tree is the same commit whenever it is measured
    **{f"GIT_{who}_NAME": "harness" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "harness@localhost" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_DATE": "2000-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")},
}


def describe(repository: Path, ref: str, commit: str) -> Revision:
    """Return the commit as git describes it."""
    subject = git(repository, "log", "-1", "--format=%s", commit, "--")  # of any encoding, if an old one
    return Revision(ref=ref, commit=commit, subject=os.fsencode(subject).decode(errors="replace"))


def find_revision(repository: Path, ref: str) -> Revision:
    """The commit that the ref names. Raises RevisionError when there is none."""
    if ref.startswith("-"):
        raise RevisionError(f"{ref}: not a commit, a branch or a tag")
    try:
        commit = git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except RevisionError as error:
        git(repository, "rev-parse", "--git-dir")  # or it is no repository, which is another matter
        raise RevisionError(f"{ref}: no such commit, branch or tag here; perhaps git fetch brings it") from error
    return describe(repository, ref, commit)


def snapshot(repository: Path) -> Revision:
    """The working tree as it is: changes, and new files that git does not ignore, included. Nothing of the repository
    is touched but that the snapshot is in its object store, until git collects its garbage.

    It is read into an index of its own: neither what is staged, nor what the index says of files that nobody is to look
    at, nor the user's settings of ``git status`` hide a change.
    """
    head = find_revision(repository, "HEAD")
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
        git(repository, "read-tree", "HEAD", env=index)
        git(repository, "add", "--all", ":/", env=index)
        tree = git(repository, "write-tree", env=index)
    if tree == git(repository, "rev-parse", f"{head.commit}^{{tree}}"):
        return head.model_copy(update={"ref": WORKING_TREE})
    commit = git(repository, "commit-tree", tree, "-p", "HEAD", "-m", f"Working tree on {head.short}", env=_NOBODY)
    return head.model_copy(update={"ref": WORKING_TREE, "commit": commit, "is_changed": True})
