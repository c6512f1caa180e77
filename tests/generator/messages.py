"""Responses as bytes, and ways to cut them up."""

from collections.abc import Iterable


def head_of(status: int, *lines: str, version: str = "1.1") -> bytes:
    """A response head with the given header lines."""
    return "\r\n".join([f"HTTP/{version} {status} Some Reason", *lines, "", ""]).encode("latin-1")


def sized(body: bytes, *lines: str, status: int = 200) -> bytes:
    """A response with a Content-Length."""
    return head_of(status, f"Content-Length: {len(body)}", *lines) + body


def chunked(parts: Iterable[bytes], *lines: str, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    """A response in chunks. An empty part would be the last."""
    chunks = [b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts]
    return head_of(200, "Transfer-Encoding: chunked", *lines) + b"".join(chunks) + b"0\r\n" + trailers + b"\r\n"


def cut(data: bytes, places: Iterable[int]) -> tuple[bytes, ...]:
    """``data`` in pieces that begin at 0 and at the given places, none of them empty."""
    begins = [0, *sorted({place for place in places if 0 < place < len(data)})]
    return tuple(data[begin:end] for begin, end in zip(begins, [*begins[1:], len(data)], strict=True))


def cut_every(data: bytes, step: int) -> tuple[bytes, ...]:
    """``data`` in pieces of ``step`` bytes."""
    return cut(data, range(step, len(data), step))
