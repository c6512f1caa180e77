"""Text from outside within Markdown: it shows what it is, marks nothing up, links to nothing and calls nobody.

GitHub looks for names, numbers and commits in what Markdown has come to, where no escape is left. Only a code span
keeps it from them, so that words in which it would find some become one.
"""

import re
from typing import Final

from harness.text import printable

_MARKS: Final = re.compile(r"([\\`*_\[\]<>|~&$])")
_WORD: Final = re.compile(r"[^\s|]+")
_REFERENCE: Final = re.compile(
    r"@|#\d|\bGH(?:SA)?-|://|\bwww\.|(?<![0-9a-z])[0-9a-f]{7,64}(?![0-9a-z])", re.IGNORECASE | re.ASCII
)


def plain(text: object) -> str:
    """Within a sentence or a cell of a table: every sign that could mark something up is escaped, and every word that
    GitHub would make a link of stands in a code span."""
    return _WORD.sub(_plain_word, _on_one_line(text)).replace("|", r"\|")


def code(text: object) -> str:
    """A code span, whatever backticks the text has (CommonMark 0.31, 6.1)."""
    line = _on_one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _plain_word(match: re.Match[str]) -> str:
    word = match[0]
    return code(word) if _REFERENCE.search(word) else _MARKS.sub(r"\\\1", word)


def _on_one_line(text: object) -> str:
    return printable(" ".join(str(text).split()))
