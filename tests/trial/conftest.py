"""What the tests of trials share."""

from tests.server.fixtures import family, log

__all__ = ["family", "log"]
