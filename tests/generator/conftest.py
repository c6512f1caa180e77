"""What the tests of the generator share."""

import ssl

import pytest
import trustme

from tests.generator.scripted_server import HOST


@pytest.fixture(scope="session")
def context() -> ssl.SSLContext:
    """A server's side of TLS."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(made)
    return made
