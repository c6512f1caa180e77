"""The result of one check of the machine."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from harness.text import Printable

Status = Literal["ok", "warn", "unknown"]


class Check(BaseModel):
    """The result of one check: ``what`` was found, in one line.

    If it spoils measurements (``warn``), there is ``advice`` to mend it. ``unknown`` means that the machine does not
    show it.
    """

    model_config = ConfigDict(frozen=True)

    name: Printable
    status: Status
    what: Printable
    advice: Printable | None = None


def ok(name: str, what: str) -> Check:
    """Return the result of a check that finds nothing to mend."""
    return Check(name=name, status="ok", what=what)


def warn(name: str, what: str, advice: str) -> Check:
    """Return the result of a check that finds what spoils measurements."""
    return Check(name=name, status="warn", what=what, advice=advice)


def unknown(name: str, what: str) -> Check:
    """Return the result of a check that can't be made; ``what`` says what is unknown."""
    return Check(name=name, status="unknown", what=what)
