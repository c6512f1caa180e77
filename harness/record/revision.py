"""A commit that is measured."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from harness.text import Printable

WORKING_TREE: Final = "working tree"


class Revision(BaseModel):
    """A commit, with the name ``ref`` by which it was asked for. ``subject`` is the first line of its message.

    For a working tree with changes, ``commit`` is a snapshot of the tree, and the message is that of the commit that
    the tree is based on.
    """

    model_config = ConfigDict(frozen=True)

    ref: Printable
    commit: Printable
    subject: Printable
    is_changed: bool = False

    @property
    def short(self) -> str:
        """The first twelve digits of the commit."""
        return self.commit[:12]

    def as_working_tree(self, commit: str | None = None) -> Self:
        """Return the revision as the working tree on it: with changes, if their snapshot is a ``commit``."""
        changed = {} if commit is None else {"commit": commit, "is_changed": True}
        return self.model_copy(update={"ref": WORKING_TREE, **changed})
