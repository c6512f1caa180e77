"""What is offered to a server, where and how: plain frozen data, the one input of the generator."""

import ipaddress
import re
import string
from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.text import obeys
from harness.units import parse_duration_s

_PRINTABLE: Final = string.ascii_letters + string.digits + string.punctuation


def check_path(text: str) -> str:
    """Return the path of a request again. Raises ValueError with a path that would do where this one does not."""
    if re.fullmatch(r"/[!-~]*", text):
        return text
    better = quote(text if text.startswith("/") else f"/{text}", safe=_PRINTABLE)
    raise ValueError(
        "expected a path that begins with / and has no spaces, other characters percent-encoded, such as"
        f" {better!r:.80}; got {text!r:.80}"
    )


HeaderName = Annotated[
    str,
    obeys(
        r"[!#$%&'*+.^_`|~0-9A-Za-z-]+",
        "expected the name of a header: letters, digits and any of !#$%&'*+.^_`|~-, no spaces, no colon",
    ),
]
HeaderValue = Annotated[
    str,
    obeys(
        r"[\t -~\u00a0-\u00ff]*",
        "expected the value of a header: one line, without characters beyond Latin-1, such as € or →",
    ),
]
Method = Annotated[str, obeys(r"[A-Z]+", "expected a method in capitals, such as 'GET' or 'POST'")]
RequestPath = Annotated[str, AfterValidator(check_path)]
Host = Annotated[str, obeys(r"[!-~]+", "expected a host without spaces, such as '127.0.0.1'")]
Sha256 = Annotated[
    str, AfterValidator(str.lower), obeys(r"[0-9a-f]{64}", "expected a SHA-256, which has 64 hexadecimal digits")
]
Weight = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False)]
Status = Annotated[int, Field(ge=100, le=599)]

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS", "TRACE")  # RFC 9110, section 9.2.1: may be sent again and again
EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # and where those who listen on all of them are reached


class _LoadPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class Tls(_LoadPart):
    """How the server's certificate is checked: against ``ca_file`` (PEM), or the system's authorities without one."""

    verify: bool = True
    ca_file: str | None = None


class Target(_LoadPart):
    """Where the server listens. With ``unix_socket`` (a path) the host only names it in the Host header.

    ``addresses`` are those of the host, where it was looked up already: it is not asked for again, and only names the
    server in the Host header and to TLS.
    """

    host: Host
    addresses: tuple[str, ...] = ()
    port: int = Field(ge=1, le=65535)
    unix_socket: str | None = Field(default=None, min_length=1, max_length=107)  # sun_path of unix(7)
    tls: Tls | None = Field(default=None, description="None for plain http")

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine by what it is called, whatever a name server would say."""
        try:
            return self.unix_socket is not None or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def scheme(self) -> Literal["http", "https"]:
        """As in the URL."""
        return "https" if self.tls else "http"

    @property
    def authority(self) -> str:
        """Host and port as a URL has them: an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, path: str) -> str:
        """The address of a path on this server."""
        return f"{self.scheme}://{self.authority}{path}"


class Request(_LoadPart):
    """One kind of request. Among several kinds each is sent in proportion to its ``weight``.

    Where the load has data, ``{name}`` in path, header values and body stands for that column of the next row.
    ``written`` is what it was called before something was filled in, which may be a secret.
    """

    method: Method = "GET"
    path: RequestPath = "/"
    headers: dict[HeaderName, HeaderValue] = {}
    body: bytes = b""
    weight: Weight = 1
    written: str | None = None

    @property
    def name(self) -> str:
        """What it is called: method and path as they are written, with their placeholders."""
        return self.written or f"{self.method} {self.path}"


class DataTable(_LoadPart):
    """Values that fill the requests, a row for each, from the first again after the last."""

    columns: tuple[str, ...] = Field(min_length=1)
    rows: tuple[tuple[str, ...], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rows_fill_columns(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"expected {len(self.columns)} values in every row")
        return self


class Stage(_LoadPart):
    """A stretch of time over which the rate moves in a straight line from where it was to ``rate_per_s``."""

    duration_s: float = Field(gt=0, allow_inf_nan=False)
    rate_per_s: Rate


class Arrivals(_LoadPart):
    """When requests are due, whatever the server does: an open loop.

    The rate begins at ``rate_per_s`` and stays there, or follows the ``stages``. ``constant`` spaces the requests
    evenly; ``poisson`` draws the gaps, as independent users would make them.
    """

    kind: Literal["constant", "poisson"] = "constant"
    rate_per_s: Rate
    stages: tuple[Stage, ...] = ()

    @model_validator(mode="after")
    def _something_arrives(self) -> Self:
        if not any([self.rate_per_s, *(stage.rate_per_s for stage in self.stages)]):
            raise ValueError("expected a rate above 0")
        return self

    @property
    def stages_s(self) -> float:
        """How long the stages take together (seconds)."""
        return sum(stage.duration_s for stage in self.stages)


class Expectation(_LoadPart):
    """What a good response is. Without ``statuses``, every status below 400 is good, as for wrk.

    Of a body at most one is expected: its digest, a text in it, or a match of a regular expression. ``every`` body is
    read and compared, or the first of each connection and a sample of the rest. Where none of them is given,
    ``same_body`` wishes for the body that the server sent before: see :meth:`with_body`.
    """

    statuses: tuple[Status, ...] = ()
    body_sha256: Sha256 | None = None
    body_contains: str | None = Field(default=None, min_length=1)
    body_matches: str | None = Field(default=None, min_length=1)
    body_bytes: int | None = Field(default=None, ge=0)
    same_body: bool = True
    every: bool = True

    @field_validator("body_matches")
    @classmethod
    def _is_a_pattern(cls, pattern: str | None) -> str | None:
        return pattern and check_pattern(pattern)

    @model_validator(mode="after")
    def _expects_one_body(self) -> Self:
        given = [self.body_sha256, self.body_contains, self.body_matches]
        if sum(each is not None for each in given) > 1:
            raise ValueError("expected one of body_sha256, body_contains and body_matches")
        return self

    @property
    def wants_same_body(self) -> bool:
        """Whether bodies are to be what the server sent before, which is still to be seen."""
        return self.same_body and not (self.body_sha256 or self.body_contains or self.body_matches)

    def with_body(self, sha256: str, every: bool = False) -> Self:
        """The same, and every body or a sample is compared with this one, which the server sent before."""
        return self.model_copy(update={"body_sha256": sha256, "every": every})

    def has_good(self, status: int) -> bool:
        """Whether a response with this status is good, as far as that goes."""
        return status in self.statuses if self.statuses else status < 400


class LoadShare(_LoadPart):
    """The part of a load that one of several processes carries: every ``of``-th request from ``index`` on."""

    index: int = Field(default=0, ge=0)
    of: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.index >= self.of:
            raise ValueError(f"expected an index below {self.of}, got {self.index}")
        return self


class Load(_LoadPart):
    """One load. Times in seconds, sizes in bytes.

    Without ``arrivals`` the loop is closed: each connection sends its next request after a response. The connections
    are opened one after another over the first half of the warm-up, as clients would come; without a warm-up all at
    once. With ``arrivals`` the loop is open: connections are opened as they are needed, ``connections`` at the most.

    ``threads`` is meant in wrk's sense: the connections are dealt to that many groups, and the spread of requests/s is
    taken over the groups. ``seed`` draws the arrivals and the order of the requests.
    """

    target: Target
    requests: tuple[Request, ...] = Field(default=(Request(),), min_length=1)
    data: DataTable | None = None
    arrivals: Arrivals | None = None
    connections: int = Field(default=10, ge=1, le=100_000)
    threads: int = Field(default=2, ge=1)
    keepalive: bool = True
    warmup_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    duration_s: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    timeout_s: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    expect: Expectation = Expectation()
    seed: int = Field(default=0, ge=0)
    share: LoadShare = LoadShare()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.threads > self.connections:
            raise ValueError(
                f"expected at least as many connections as threads, got {self.connections} connections"
                f" and {self.threads} threads"
            )
        if self.arrivals and self.arrivals.stages and abs(self.arrivals.stages_s - self.duration_s) > 1e-6:
            raise ValueError(
                f"expected the stages to fill the window, got stages of {self.arrivals.stages_s:g} s"
                f" and a window of {self.duration_s:g} s"
            )
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its requests."""
        return kinds_of(self.requests)

    @property
    def kind_of_each(self) -> tuple[int, ...]:
        """Of which kind each of the requests is."""
        return tuple(self.kinds.index(request.name) for request in self.requests)

    @property
    def url(self) -> str:
        """The address under load: that of the first request."""
        return self.target.url(self.requests[0].path)

    def shares(self, processes: int) -> list[Self]:
        """The load dealt to that many processes, connections and groups as evenly as they go.

        Raises ValueError when there are more processes than connections.
        """
        if processes > self.connections:
            raise ValueError(
                f"expected at least as many connections as processes, got {self.connections} connections"
                f" and {processes} processes"
            )
        return [
            self.model_copy(
                update={
                    "connections": _dealt(self.connections, index, processes),
                    "threads": max(1, _dealt(self.threads, index, processes)),
                    "share": LoadShare(index=index, of=processes),
                }
            )
            for index in range(processes)
        ]


def kinds_of(requests: Iterable[Request]) -> tuple[str, ...]:
    """The names of the requests, each once: those of one name are of one kind."""
    return tuple(dict.fromkeys(request.name for request in requests))


def _dealt(total: int, index: int, hands: int) -> int:
    """How many of ``total`` the hand at ``index`` gets when they are dealt one by one."""
    return (total + hands - 1 - index) // hands


def target_of(url: str, unix_socket: str | None = None, tls: Tls | None = None) -> tuple[Target, str]:
    """Target and path (with its query) of an ``http://`` or ``https://`` URL; ``tls`` is for the latter.

    A host that stands for every address, as servers print where they listen, is this machine. Raises ValueError saying
    what is wrong.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"expected a URL such as http://127.0.0.1:8080/path, got {url!r}: {error}") from error
    if parts.username is not None:  # which is not told: a password may be in it
        raise ValueError("expected a URL without a user, who is given as --user NAME:PASSWORD")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        instead = "" if "://" in url else f": write http://{url}"
        raise ValueError(f"expected a URL such as http://127.0.0.1:8080/path, got {url!r}{instead}")
    path = parts.path or "/"
    target = Target(
        host=EVERY_ADDRESS.get(parts.hostname, parts.hostname),
        port=DEFAULT_PORTS[parts.scheme] if port is None else port,
        unix_socket=unix_socket,
        tls=(tls or Tls()) if parts.scheme == "https" else None,
    )
    return target, f"{path}?{parts.query}" if parts.query else path


def parse_stage(text: str) -> Stage:
    """The stage meant by ``30s:500``: half a minute in which the rate moves to 500 requests/s.

    Raises ValueError, with what was expected, when the text is no stage.
    """
    duration, colon, rate = text.partition(":")
    try:
        if not colon:
            raise ValueError(text)
        return Stage(duration_s=parse_duration_s(duration), rate_per_s=float(rate))
    except ValueError as error:
        raise ValueError(f"expected a stage such as '30s:500' (duration:requests/s), got {text!r:.60}") from error


def check_pattern(text: str) -> str:
    """Return the text if it is a regular expression. Raises ValueError saying what is wrong with it."""
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"expected a regular expression, got {text!r:.60}: {error}") from error
    return text


def parse_expected_body(text: str) -> dict[str, str | bool]:
    """The fields of an Expectation meant by ``any``, ``same``, a SHA-256, ``contains:TEXT`` or ``matches:REGEX``.

    Raises ValueError, with what was expected, when the text is none of them.
    """
    kind, _, rest = text.partition(":")
    if text in ("any", "same"):
        return {"same_body": text == "same"}
    if re.fullmatch("[0-9a-fA-F]{64}", text):
        return {"body_sha256": text.lower()}
    if kind == "contains" and rest:
        return {"body_contains": rest}
    if kind == "matches" and rest:
        return {"body_matches": check_pattern(rest)}
    raise ValueError(
        f"expected 'any', 'same', a SHA-256 of 64 hex digits, 'contains:TEXT' or 'matches:REGEX', got {text!r:.80}"
    )
