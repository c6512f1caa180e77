"""Whether a body is the one expected: by its digest, or by what stands in it."""

import re
from collections.abc import Callable
from typing import Final

from harness.generator.framing import ResponseReader
from harness.load.spec import Expectation

MOST_SEARCHED_BYTES: Final = 1 << 20  # of the beginning of a body; what comes after is not looked at


class BodyCheck:
    """Makes readers that see what is needed of a body, and judges by them. Without an expectation nothing is seen.

    Bodies are taken as they were sent, however they are encoded; a pattern is matched against their text, as UTF-8.
    """

    def __init__(self, expect: Expectation) -> None:
        self._sha256 = expect.body_sha256
        self._is_found = _search(expect)

    @property
    def is_needed(self) -> bool:
        """Whether anything is expected of bodies that has to be looked for in them."""
        return self._sha256 is not None or self._is_found is not None

    @property
    def kept_bytes(self) -> int:
        """How much of a body is kept, to look for the expected text in it."""
        return MOST_SEARCHED_BYTES if self._is_found else 0

    def reader(self, method: str, only_whole: bool = False) -> ResponseReader:
        """A reader by which a response can be judged, or only one that comes all at once."""
        return ResponseReader(method, self._sha256 is not None, self.kept_bytes, only_whole)

    def is_right(self, reader: ResponseReader) -> bool:
        """Judge the body of a complete response that was followed by a reader made here."""
        if self._is_found is not None:
            return self._is_found(reader.body_start)
        return reader.body_sha256 == self._sha256

    def has_text(self, body_start: bytes) -> bool:
        """Check that the expected text is in a body, if one is expected."""
        return self._is_found is None or self._is_found(body_start)


def _search(expect: Expectation) -> Callable[[bytes | bytearray], bool] | None:
    """What looks for the expected text in a body, if there is one."""
    if expect.body_contains is not None:
        text = expect.body_contains.encode()
        return lambda body: text in body
    if expect.body_matches is not None:
        pattern = re.compile(expect.body_matches)
        return lambda body: pattern.search(body.decode("utf-8", "replace")) is not None
    return None
