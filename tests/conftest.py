"""Settings of the whole suite, and which tests must not run at the same time."""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

# ``make fuzz`` looks longer, and in another place each time.
settings.register_profile("fuzz", max_examples=2000, deadline=None, print_blob=True)

HERE: Final = Path(__file__).parent
COMPARING: Final = [
    HERE / "trial",
    HERE / "test_ab.py",
    HERE / "test_cli.py",
    HERE / "test_lock.py",
    HERE / "test_no_network.py",
    HERE / "test_preflight.py",
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
    """Mark those that measure, and those that compare; ``make test`` keeps them apart."""
    if item.path in MEASURING:
        item.add_marker(pytest.mark.alone)
    if any(item.path.is_relative_to(place) for place in COMPARING):
        item.add_marker(pytest.mark.comparing)
