"""What the tests of the server room share."""

from tests.server.fixtures import family, log

__all__ = ["family", "log"]
