"""Text from outside, such as that of servers, commands and edited files: it is shown as text and never interpreted."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, PlainSerializer, SerializationInfo


def printable(text: str) -> str:
    """Return the text with control characters, and those that change the direction of writing, as escape sequences:
    ``\\x1b`` for an escape. Line ends are escaped too."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


def read_utf8(data: bytes) -> str:
    """Return the text of a file that people write, without the byte order mark that some editors put before it.

    Raises ValueError with the number of the line that is not UTF-8.
    """
    if data.startswith(UTF_16_MARKS):
        raise ValueError("is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: not UTF-8; save it as UTF-8") from error


def pattern_validator(pattern: str, rule: str) -> AfterValidator:
    """Return a validator that requires a text to match the whole ``pattern``. Its errors state the ``rule`` in
    words."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"{rule}; got {text!r:.80}")
        return text

    return AfterValidator(check)


def _serialize(text: str, info: SerializationInfo) -> str:
    """Return the text as ``model_dump`` writes it: changed by its ``context``, a function from text to text, if the
    caller passes one."""
    return text if info.context is None else info.context(text)


# Text from outside. When models are written, secrets are cut out of fields of this type.
Printable = Annotated[str, AfterValidator(printable), PlainSerializer(_serialize)]
