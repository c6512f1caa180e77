"""Answers that many tests have a server give."""

from typing import Final

from tests.generator.messages import chunked, head_of, sized
from tests.generator.scripted_server import After, Answer

SMALL: Final = sized(b"small body", "X-Worker: 7")
LARGE: Final = sized(b"0123456789" * 20_000)
CHUNKED: Final = chunked([b"first part", b"second", b"x" * 3000])
UNTIL_CLOSE: Final = head_of(200, "X-Worker: 7") + b"until the end"


def whole(*pieces: bytes) -> Answer:
    """Complete, and the connection is kept."""
    return Answer(pieces)


def closing(*pieces: bytes) -> Answer:
    """Complete, and the server closes the connection after it."""
    return Answer(pieces, After.CLOSE)


def broken(*pieces: bytes, after: After = After.KEEP) -> Answer:
    """Not a complete response, or not only one."""
    return Answer(pieces, after, whole=False)
