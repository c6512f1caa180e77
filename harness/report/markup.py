"""Text from outside within Markdown: it shows what it is, and marks nothing up."""

import re
from typing import Final

from harness.text import printable

_MARKS: Final = re.compile(r"([\\`*_\[\]<>|~&$])")


def plain(text: object) -> str:
    """Within a sentence or a cell of a table: every sign that could mark something up is escaped."""
    return _MARKS.sub(r"\\\1", _on_one_line(text))


def code(text: object) -> str:
    """A code span, whatever backticks the text has (CommonMark 0.31, 6.1)."""
    line = _on_one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _on_one_line(text: object) -> str:
    return printable(" ".join(str(text).split()))
