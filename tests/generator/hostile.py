"""Strategies for servers that mean no good, or know no better: what they send, how it is cut, and how it ends."""

from typing import Final

from hypothesis import strategies as st

from tests.generator.messages import chunked, cut, head_of, sized
from tests.generator.scripted_server import After, Answer

BODIES: Final = st.binary(max_size=2000)
PLACES: Final = st.lists(st.integers(0, 4000), max_size=12)
EXTENSIONS: Final = st.sampled_from([b"", b";a=b", b';q="x;y"', b";" + b"e" * 300])
TRAILERS: Final = st.sampled_from([b"", b"X-After: 1\r\n", b"X-A: " + b"t" * 300 + b"\r\n"])

LENGTH_LINES: Final = st.lists(
    st.sampled_from(
        [
            "Content-Length: 5",
            "Content-Length: 6",
            "Content-Length: 5, 5",
            "Content-Length: -1",
            "Content-Length: +5",
            "Content-Length: 0x5",
            "Content-Length: 99999999999999999999999",
            "Content-Length: 18446744073709551615",
            "Content-Length:",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: identity",
            "Connection: close",
            "Connection: keep-alive",
            "Connection: upgrade",
            "Upgrade: h2c",
            "Expect: 100-continue",
            "X-Worker: \xff\xfe",
            ": no name",
            "no colon",
            " folded: line",
        ]
    ),
    max_size=4,
)
STATUSES: Final = st.sampled_from([100, 101, 103, 199, 200, 204, 206, 301, 304, 404, 417, 500, 599, 600, 999])

SOUND: Final = st.one_of(
    st.builds(lambda body: sized(body), BODIES),
    st.builds(
        lambda parts, extension, trailers: chunked(parts, extension=extension, trailers=trailers),
        st.lists(st.binary(min_size=1, max_size=300), max_size=5),
        EXTENSIONS,
        TRAILERS,
    ),
    st.builds(lambda body: head_of(200) + body, BODIES),
    st.builds(lambda body: head_of(100) + head_of(103, "Link: </a>") + sized(body), BODIES),
)
ODD: Final = st.one_of(
    st.builds(lambda status, lines, body: head_of(status, *lines) + body, STATUSES, LENGTH_LINES, BODIES),
    st.builds(lambda first, second: first + second, SOUND, SOUND),  # more than was asked for
    st.builds(lambda message, surplus: message + surplus, SOUND, st.binary(min_size=1, max_size=5)),
    st.builds(lambda size: head_of(200, f"X-Huge: {'h' * size}") + b"x", st.sampled_from([1000, 5000])),
    st.builds(lambda message, length: message[: length % (len(message) + 1)], SOUND, st.integers(0, 3000)),
    st.binary(max_size=400),
)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A sound message with a few bytes of it changed, left out or doubled."""
    message = bytearray(draw(SOUND))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(message) - 1)))
        how = draw(st.sampled_from(["change", "drop", "double"]))
        if how == "change" and message:
            message[place] = draw(st.integers(0, 255))
        elif how == "drop":
            del message[place : place + 1]
        else:
            message[place:place] = message[place : place + 20]
    return bytes(message)


MESSAGES: Final = st.one_of(SOUND, ODD, changed())


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Anything, in pieces, and then the connection is kept (a stall, if more was to come), closed or reset."""
    message, places = draw(MESSAGES), draw(PLACES)
    if draw(st.booleans()) and len(message) < 400:
        places = list(range(len(message)))  # every byte for itself
    return Answer(cut(message, places) if message else (), draw(st.sampled_from(After)), whole=False)


SCRIPTS: Final = st.lists(answers(), min_size=1, max_size=6)
