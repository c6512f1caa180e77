"""A commit that is measured."""

from pydantic import BaseModel, ConfigDict

from harness.text import Printable


class Revision(BaseModel):
    """A commit under the name by which it was asked for. ``subject`` is the first line of its message; of the working
    tree with changes, the message is that of the commit that it is based on, and ``commit`` a snapshot of the tree."""

    model_config = ConfigDict(frozen=True)

    ref: Printable
    commit: Printable
    subject: Printable
    is_changed: bool = False

    @property
    def short(self) -> str:
        """Enough of the commit to know it by."""
        return self.commit[:12]
