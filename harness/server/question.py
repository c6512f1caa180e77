"""The requests that a server gets before it is measured, and the check of their answers."""

from dataclasses import dataclass
from typing import Self

from harness.generator.asking import ProbeResponse
from harness.generator.bodies import BodyCheck
from harness.generator.framing import BodyKind
from harness.load.requests import EncodedRequest, encode_requests, fill_first_request
from harness.load.spec import SAFE_METHODS, Expectation, Load, Request


@dataclass(frozen=True)
class Question:
    """One request of a load, to be sent as the load sends it, and the answer that is expected.

    ``is_compared`` is True if every body under load will be compared with the body of its answer.
    """

    load: Load  # of this request alone
    expect: Expectation
    is_compared: bool = False

    @classmethod
    def of_path(cls, path: str, load: Load) -> Self:
        """Return the question for another path than those of the load; any answer with status 2xx is good."""
        return cls(load.with_request(Request(path=path)), Expectation())

    @classmethod
    def of_load(cls, load: Load) -> Self:
        """Return the first safe request of the load as a question; where none is safe, the first one."""
        return cls._of_request(_first_safe_request(load), load)

    @classmethod
    def of_others(cls, load: Load) -> tuple[Self, ...]:
        """Return the other requests of the load as questions, in the order in which they are written."""
        first = _first_safe_request(load)
        return tuple(cls._of_request(request, load) for request in load.requests if request is not first)

    @classmethod
    def of_mix(cls, load: Load) -> tuple[Self, ...]:
        """Return every request of the load as a question, where there are several."""
        return tuple(cls._of_request(request, load) for request in load.requests if len(load.requests) > 1)

    @classmethod
    def _of_request(cls, request: Request, load: Load) -> Self:
        """Return a request as a question.

        A request that is not safe is filled from the last row of data, since the load uses that row last.
        """
        data = load.data
        if data is not None and request.method not in SAFE_METHODS:
            data = data.with_last_row()
        asked = fill_first_request(load.with_request(request, data))
        is_compared = len(load.requests) == 1 and load.data is None and load.expect.wants_same_body
        return cls(load.with_request(asked), load.expect, is_compared)

    @property
    def request(self) -> Request:
        """The request that is sent."""
        return self.load.requests[0]

    @property
    def text(self) -> str:
        """The request in words: its method and its path."""
        return f"{self.request.method} {self.request.path}"

    @property
    def is_safe(self) -> bool:
        """True if the request may be sent repeatedly (RFC 9110, safe methods)."""
        return self.request.method in SAFE_METHODS

    @property
    def encoded_request(self) -> EncodedRequest:
        """The encoded request: the bytes to be sent."""
        return next(encode_requests(self.load))

    def objection(self, answer: ProbeResponse) -> str:
        """Return what is wrong with the answer of a server that may not be ready yet; empty when it is good.

        The status has to be an expected one; if none is given, 2xx.
        """
        is_good = answer.status in self.expect.statuses if self.expect.statuses else 200 <= answer.status < 300
        return self._objection(self.text, answer, is_good)

    def objection_of_load(self, answer: ProbeResponse) -> str:
        """Return why the load would count the answer as an error; empty when it would not."""
        return self._objection(self.request.name, answer, self.expect.accepts_status(answer.status))

    def _objection(self, text: str, answer: ProbeResponse, is_good: bool) -> str:
        if answer.end != "whole":
            return f"{text} {answer.incomplete_reason}"
        if not is_good:
            return f"{text} is answered with status {answer.status}"
        if answer.head.body_kind is BodyKind.NONE:
            return ""
        if self.expect.body_bytes not in (None, answer.body_bytes):
            return f"{text} is answered with {answer.body_bytes:,} bytes, not with {self.expect.body_bytes:,}"
        if self.expect.body_sha256 not in (None, answer.body_sha256):
            return f"{text} is answered with another body than the one that is expected, of {answer.body_bytes:,} bytes"
        if not BodyCheck(self.expect).has_text(answer.body_start):
            return f"{text} is answered without the text that is expected, in {answer.body_bytes:,} bytes"
        return ""


def _first_safe_request(load: Load) -> Request:
    """Return the first request that is safe or, where none is, the first."""
    return next((request for request in load.requests if request.method in SAFE_METHODS), load.requests[0])
