"""What the tests of the discovery share."""

import pytest

from tests.server.fixtures import family, log

__all__ = ["family", "log"]


@pytest.fixture(autouse=True)
def _workers_looked_for_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is kept busy while its workers are counted, and the small ones have all of theirs at work at once."""
    monkeypatch.setattr("harness.discovery.discover.WATCHED_S", 0.3)
