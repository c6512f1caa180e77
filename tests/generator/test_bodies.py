"""Checked bodies: which ones are, and what is counted when one is not the expected."""

import hashlib
from itertools import chain, cycle, repeat

import pytest

from harness.load.result import Errors
from tests.generator.accounting import play
from tests.generator.answers import closing, whole
from tests.generator.messages import chunked, sized

BODY, OTHER_BODY = b"the body that is expected", b"a body of the same length"
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("response", [sized(BODY), chunked([BODY[:5], BODY[5:]])], ids=["sized", "chunked"])
def test_the_expected_body_is_good(response: bytes) -> None:
    result, _ = play(repeat(whole(response)), expect_body_sha256=SHA256)
    assert result.ok == result.requests > 0
    assert result.errors == Errors()


def test_the_first_body_on_every_connection_is_checked() -> None:
    """On connections of one response each that is every body."""
    good, bad = (closing(sized(body, "Connection: close")) for body in (BODY, OTHER_BODY))
    result, server = play(cycle([good, bad, bad]), expect_body_sha256=SHA256)
    assert result.errors == Errors(body=result.errors.body)
    assert server.sent[bad] - result.unfinished <= result.errors.body <= server.sent[bad]
    assert server.sent[good] - result.unfinished <= result.ok <= server.sent[good]
    assert result.errors.body > 0


def test_bodies_are_checked_again_later_on_a_connection() -> None:
    """Each of the connections begins with good ones."""
    good, bad = (whole(sized(body)) for body in (BODY, OTHER_BODY))
    result, server = play(chain(repeat(good, 20), repeat(bad)), expect_body_sha256=SHA256, duration_s=0.5)
    assert 0 < result.errors.body <= server.sent[bad]
    assert result.errors == Errors(body=result.errors.body)


def test_an_error_page_is_not_compared() -> None:
    result, _ = play(repeat(whole(sized(OTHER_BODY, status=500))), expect_body_sha256=SHA256)
    assert result.errors == Errors(status=result.requests)
