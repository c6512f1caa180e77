"""Settings of the whole suite, and which tests must not run at the same time."""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

# ``make fuzz`` looks longer, and in another place each time.
settings.register_profile("fuzz", max_examples=2000, deadline=None, print_blob=True)

HERE: Final = Path(__file__).parent
FIRST_HALF: Final = [
    # Those that compare: a machine allows one comparison at a time, see harness/lock.py.
    HERE / "trial",
    HERE / "test_ab.py",
    HERE / "test_api.py",
    HERE / "test_cli.py",
    HERE / "test_lock.py",
    HERE / "test_no_network.py",
    HERE / "test_preflight.py",
    # And as many others as make it half of the work.
    HERE / "action",
    HERE / "report",
    HERE / "revisions",
]
MEASURING: Final = [
    HERE / "generator" / "test_doubts_stalled.py",
    HERE / "generator" / "test_open_loop.py",
    HERE / "generator" / "test_pacer.py",
    HERE / "generator" / "test_truth.py",
    HERE / "server" / "test_pace.py",
    HERE / "trial" / "test_limits.py",
]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark those that measure, and one half of the others; ``make test`` runs the halves at the same time."""
    if item.path in MEASURING:
        item.add_marker(pytest.mark.alone)
    if any(item.path.is_relative_to(place) for place in FIRST_HALF):
        item.add_marker(pytest.mark.first_half)
