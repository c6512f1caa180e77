"""Fixtures that the tests of the server room share with those of trials."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.server import launch
from tests.server.family import MARK, Family


@pytest.fixture(autouse=True)
def family(monkeypatch: pytest.MonkeyPatch) -> Iterator[Family]:
    """The processes that the test starts. A test that leaves any behind fails, and they are ended."""
    family = Family()
    monkeypatch.setenv(MARK, family.mark)
    monkeypatch.setattr(launch, "BASE_VARIABLES", (*launch.BASE_VARIABLES, MARK))
    yield family
    left = family.end()
    assert not left, f"left behind: {left}"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the server of the test writes."""
    return tmp_path / "server.log"
