"""What the tests of the Action share."""

from collections.abc import Iterator

import pytest

from tests.action.github import GitHub, serving


@pytest.fixture
def github() -> Iterator[GitHub]:
    """Without a comment."""
    with serving(GitHub()) as api:
        yield api
