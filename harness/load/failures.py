"""Description, in words, of the requests that got no good response."""

from collections.abc import Iterator

from harness.load.result import LoadResult


def describe_failures(result: LoadResult) -> str:
    """Return every kind of failure with its count, as one line; or that no request was sent."""
    return ", ".join(_list_failures(result)) or "none was sent"


def _list_failures(result: LoadResult) -> Iterator[str]:
    errors = result.errors
    reasons = "; ".join(f"{reason}: {count:,}" for reason, count in result.protocol_reasons.items())
    statuses = "; ".join(f"{status}: {count:,}" for status, count in result.statuses.items())
    ways = (
        (errors.connect, "got no connection"),
        (errors.read, "lost it before the answer was complete"),
        (errors.write, "lost it before they were sent"),
        (errors.stale, "met one that the server had closed, and could not be sent again"),
        (errors.timeout, "timed out"),
        (errors.protocol, f"got what is not HTTP/1.1 ({reasons})"),
        (errors.status, f"got a status that is not good ({statuses})"),
        (errors.body, "got a body that is not the expected one"),
        (result.unfinished, "had no answer when the window closed"),
        (result.offered.dropped if result.offered else 0, "were due and not sent"),
    )
    yield from (f"{count:,} {way}" for count, way in ways if count)
