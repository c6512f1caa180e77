"""Time that did not run on as it should."""

import time

import pytest

from harness.machine.clocks import Clocks

BEFORE = Clocks(monotonic_s=100.0, boot_s=160.0, wall_s=1e9)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (Clocks(130.0, 190.0, 1e9 + 30), None),
        (Clocks(130.0, 190.0, 1e9 + 30.4), None),  # disciplined by a daemon
        (Clocks(130.0, 790.0, 1e9 + 630), "the machine slept for 600.0 s"),
        (Clocks(130.0, 190.0, 1e9 + 3630), "the clock was set forward by 3600.0 s"),
        (Clocks(130.0, 190.0, 1e9 - 10), "the clock was set back by 40.0 s"),
        (Clocks(130.0, 790.0, 1e9 + 30), "the machine slept for 600.0 s"),
    ],
)
def test_a_jump_is_told_in_words(after: Clocks, said: str | None) -> None:
    assert after.jump_since(BEFORE) == said


def test_time_runs_on_here() -> None:
    before = Clocks.now()
    time.sleep(0.01)
    after = Clocks.now()
    assert after.monotonic_s > before.monotonic_s
    assert after.jump_since(before) is None
