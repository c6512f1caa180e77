"""Text from outside: what servers, commands and edited files say is shown as text, and does nothing."""

from typing import Annotated

from pydantic import AfterValidator


def printable(text: str) -> str:
    """The text with everything that a terminal would obey, or that turns the order of what is shown, written out:
    ``\\x1b`` for an escape. Line ends are written out too."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


Printable = Annotated[str, AfterValidator(printable)]
