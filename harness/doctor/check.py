"""What one look at the machine found."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from harness.text import Printable

Status = Literal["ok", "warn", "unknown"]


class Check(BaseModel):
    """``what`` was found, in one line, and, where it spoils measurements, the ``advice`` that mends it.

    ``unknown`` where the machine does not tell: it may spoil them or not.
    """

    model_config = ConfigDict(frozen=True)

    name: Printable
    status: Status
    what: Printable
    advice: Printable | None = None


def ok(name: str, what: str) -> Check:
    """Nothing to mend."""
    return Check(name=name, status="ok", what=what)


def warn(name: str, what: str, advice: str) -> Check:
    """Measurements suffer from it."""
    return Check(name=name, status="warn", what=what, advice=advice)


def unknown(name: str, what: str) -> Check:
    """The machine does not tell, and ``what`` it does not tell."""
    return Check(name=name, status="unknown", what=what)
