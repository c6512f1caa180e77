"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE_S: Final = 20.0
POLL_S: Final = 0.05

Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], what: str) -> Found:
    """Poll ``condition`` until it holds, and return what it gave; fail when it never does."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline_s, f"waited {PATIENCE_S:g} s for {what}"
        time.sleep(POLL_S)
    return found
