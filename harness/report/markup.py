"""Text from outside within Markdown: shown as it is, without markup, links or mentions.

GitHub looks for names, numbers and commits in the rendered text, in which no escape is left. Only a code span keeps a
word from that, so words that would be taken for one of these are put into one.
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
    """Return the text for a sentence or a cell of a table. Every character that could be markup is escaped, and every
    word that GitHub would turn into a link is put into a code span."""
    return _WORD.sub(_plain_word, _on_one_line(text)).replace("|", r"\|")


def code(text: object) -> str:
    """Return the text as a code span, whatever backticks it contains (CommonMark 0.31, 6.1)."""
    line = _on_one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _plain_word(match: re.Match[str]) -> str:
    word = match[0]
    return code(word) if _REFERENCE.search(word) else _MARKS.sub(r"\\\1", word)


def _on_one_line(text: object) -> str:
    return printable(" ".join(str(text).split()))
