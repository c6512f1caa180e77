"""Text from outside: what servers, commands and edited files say is shown as text, and does nothing."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, PlainSerializer, SerializationInfo


def printable(text: str) -> str:
    """The text with everything that a terminal would obey, or that turns the order of what is shown, written out:
    ``\\x1b`` for an escape. Line ends are written out too."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


def read_utf8(data: bytes) -> str:
    """Return the text of a file that people write, without the byte order mark that some editors put before it.

    Raises ValueError with the line that is no UTF-8.
    """
    if data.startswith(UTF_16_MARKS):
        raise ValueError("is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: not UTF-8; save it as UTF-8") from error


def obeys(pattern: str, rule: str) -> AfterValidator:
    """Return the check that a text matches the whole ``pattern``, which tells people the ``rule`` in words."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"{rule}; got {text!r:.80}")
        return text

    return AfterValidator(check)


def _as_written(text: str, info: SerializationInfo) -> str:
    """What a caller of ``model_dump`` makes of it by its ``context``, a function from text to text, if it gives one."""
    return text if info.context is None else info.context(text)


# Text that the harness did not make: where secrets are kept out of what is written, they are kept out of this.
Printable = Annotated[str, AfterValidator(printable), PlainSerializer(_as_written)]
