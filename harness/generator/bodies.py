"""Checks of response bodies: by their digest, or by a text in them."""

import re
from collections.abc import Callable
from typing import Final

from harness.generator.framing import ResponseReader
from harness.load.spec import Expectation

MAX_SEARCHED_BYTES: Final = 1 << 20  # of the beginning of a body; the rest is not searched


class BodyCheck:
    """A check of bodies against what a load expects: it makes the readers that it needs, and judges by what they read.

    Without an expectation its readers do not look at bodies. Bodies are taken as they were sent, whatever their content
    coding; a pattern is matched against their text, decoded as UTF-8.
    """

    def __init__(self, expect: Expectation) -> None:
        self._sha256 = expect.body_sha256
        self._is_found = _text_search(expect)

    @property
    def is_needed(self) -> bool:
        """True if something is expected of bodies that can be seen only by looking at them."""
        return self._sha256 is not None or self._is_found is not None

    @property
    def kept_bytes(self) -> int:
        """The number of bytes of a body that are kept, to search them for the expected text."""
        return MAX_SEARCHED_BYTES if self._is_found else 0

    def new_reader(self, method: str, only_whole: bool = False) -> ResponseReader:
        """Return a reader by which a response can be judged; if ``only_whole``, only one that comes all at once."""
        return ResponseReader(method, self._sha256 is not None, self.kept_bytes, only_whole)

    def is_right(self, reader: ResponseReader) -> bool:
        """Judge the body of a complete response that was followed by a reader of :meth:`new_reader`."""
        if self._is_found is not None:
            return self._is_found(reader.body_start)
        return reader.body_sha256 == self._sha256

    def has_text(self, body_start: bytes) -> bool:
        """Check that the expected text is in a body, if one is expected."""
        return self._is_found is None or self._is_found(body_start)


def _text_search(expect: Expectation) -> Callable[[bytes | bytearray], bool] | None:
    """Return a function that searches a body for the expected text; None if no text is expected."""
    if expect.body_contains is not None:
        text = expect.body_contains.encode()
        return lambda body: text in body
    if expect.body_matches is not None:
        pattern = re.compile(expect.body_matches)
        return lambda body: pattern.search(body.decode("utf-8", "replace")) is not None
    return None
