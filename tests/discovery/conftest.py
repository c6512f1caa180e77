"""What the tests of the discovery share."""

from tests.server.fixtures import family, log

__all__ = ["family", "log"]
