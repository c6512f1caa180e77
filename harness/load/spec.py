"""The specification of a load, which is the generator's only input: plain frozen data."""

import ipaddress
import re
import string
from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.text import pattern_validator
from harness.units import parse_duration_s

_PRINTABLE: Final = string.ascii_letters + string.digits + string.punctuation


def check_path(text: str) -> str:
    """Return the path of a request unchanged. Raises ValueError, with a valid path, if this one is not valid."""
    if re.fullmatch(r"/[!-~]*", text):
        return text
    better = quote(text if text.startswith("/") else f"/{text}", safe=_PRINTABLE)
    raise ValueError(
        "expected a path that begins with / and has no spaces, other characters percent-encoded, such as"
        f" {better!r:.80}; got {text!r:.80}"
    )


HeaderName = Annotated[
    str,
    pattern_validator(
        r"[!#$%&'*+.^_`|~0-9A-Za-z-]+",
        "expected the name of a header: letters, digits and any of !#$%&'*+.^_`|~-, no spaces, no colon",
    ),
]
HeaderValue = Annotated[
    str,
    pattern_validator(
        r"[\t -~\u00a0-\u00ff]*",
        "expected the value of a header: one line, without characters beyond Latin-1, such as € or →",
    ),
]
Method = Annotated[str, pattern_validator(r"[A-Z]+", "expected a method in capitals, such as 'GET' or 'POST'")]
RequestPath = Annotated[str, AfterValidator(check_path)]
Host = Annotated[str, pattern_validator(r"[!-~]+", "expected a host without spaces, such as '127.0.0.1'")]
Sha256 = Annotated[
    str,
    AfterValidator(str.lower),
    pattern_validator(r"[0-9a-f]{64}", "expected a SHA-256, which has 64 hexadecimal digits"),
]
Weight = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False)]
Status = Annotated[int, Field(ge=100, le=599)]

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS", "TRACE")  # RFC 9110, section 9.2.1: sending them changes nothing
# Addresses that stand for every address of this machine, and where a server that listens on them can be reached.
WILDCARD_ADDRESSES: Final = {
    "0.0.0.0": "127.0.0.1",
    "::": "::1",
}


def is_loopback(host: str) -> bool:
    """Return whether the host's name or address stands for this machine, without asking a name server."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _LoadPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class Tls(_LoadPart):
    """The check of the server's certificate: against ``ca_file`` (PEM), or else against the system's authorities."""

    verify: bool = True
    ca_file: str | None = None


Port = Annotated[int, Field(ge=1, le=65535)]


class Target(_LoadPart):
    """The address of the server. With ``unix_socket`` (a path), the host is used only in the Host header.

    ``addresses`` are those of the host if it was looked up already. Then it is not looked up again, and used only in
    the Host header and in TLS. Where the server has replicas, ``replica_ports`` are those of the others, and
    ``balance`` is how connections are dealt to all of them.
    """

    host: Host
    addresses: tuple[str, ...] = ()
    port: Port
    replica_ports: tuple[Port, ...] = ()
    balance: Literal["round-robin", "random", "least-connections"] = "round-robin"
    unix_socket: str | None = Field(default=None, min_length=1, max_length=107)  # sun_path of unix(7)
    tls: Tls | None = Field(default=None, description="None for plain http")

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports of all replicas; of a single server its own."""
        return (self.port, *self.replica_ports)

    @property
    def replicas(self) -> tuple[Self, ...]:
        """The targets of all replicas, each by itself."""
        return tuple(self.model_copy(update={"port": port, "replica_ports": ()}) for port in self.ports)

    @property
    def is_loopback(self) -> bool:
        """True if the server is on this machine, as far as its name or address says so."""
        return self.unix_socket is not None or is_loopback(self.host)

    @property
    def scheme(self) -> Literal["http", "https"]:
        """The scheme of the URL."""
        return "https" if self.tls else "http"

    @property
    def authority(self) -> str:
        """The host and port as in a URL: an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, path: str) -> str:
        """Return the URL of a path on this server."""
        return f"{self.scheme}://{self.authority}{path}"

    def with_tls(self, tls: Tls | None) -> Self:
        """Return the same target with this TLS, or none."""
        return self.model_copy(update={"tls": tls})

    def with_addresses(self, addresses: tuple[str, ...]) -> Self:
        """Return the same target with the addresses of its host."""
        return self.model_copy(update={"addresses": addresses})


class Request(_LoadPart):
    """One kind of request. Among several kinds each is sent in proportion to its ``weight``.

    If the load has data, ``{name}`` in path, header values and body stands for that column of the next row. ``written``
    is the name from before the placeholders were filled, since what fills them may be a secret.
    """

    method: Method = "GET"
    path: RequestPath = "/"
    headers: dict[HeaderName, HeaderValue] = {}
    body: bytes = b""
    weight: Weight = 1
    written: str | None = None

    @property
    def name(self) -> str:
        """The name of its kind: method and path as they are written, with their placeholders."""
        return self.written or f"{self.method} {self.path}"

    def with_path(self, path: str) -> Self:
        """Return the same request with another path."""
        return self.model_copy(update={"path": path})

    def with_headers(self, headers: dict[str, str]) -> Self:
        """Return the same request with other headers."""
        return self.model_copy(update={"headers": headers})


class DataTable(_LoadPart):
    """The values that fill the requests: one row for each request, and after the last row the first again."""

    columns: tuple[str, ...] = Field(min_length=1)
    rows: tuple[tuple[str, ...], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_rows(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"expected {len(self.columns)} values in every row")
        return self

    def with_last_row(self) -> Self:
        """Return the same table with its last row alone."""
        return self.model_copy(update={"rows": self.rows[-1:]})


class Stage(_LoadPart):
    """A stretch of time over which the rate changes linearly from where it was to ``rate_per_s``."""

    duration_s: float = Field(gt=0, allow_inf_nan=False)
    rate_per_s: Rate


class Arrivals(_LoadPart):
    """The arrivals of an open loop: the times at which requests are due, whatever the server does.

    The rate begins at ``rate_per_s`` and stays there, or follows the ``stages``. ``constant`` spaces the requests
    evenly; ``poisson`` draws the gaps, as independent users would make them.
    """

    kind: Literal["constant", "poisson"] = "constant"
    rate_per_s: Rate
    stages: tuple[Stage, ...] = ()

    @model_validator(mode="after")
    def _check_rates(self) -> Self:
        if not any([self.rate_per_s, *(stage.rate_per_s for stage in self.stages)]):
            raise ValueError("expected a rate above 0")
        return self

    @property
    def stages_s(self) -> float:
        """The duration of all stages together (seconds)."""
        return sum(stage.duration_s for stage in self.stages)


class Expectation(_LoadPart):
    """The expectation of what a good response is. Without ``statuses``, every status below 400 is good, as in wrk.

    At most one thing is expected of a body: its digest, a text in it, or a match of a regular expression. Either
    ``every`` body is read and compared, or the first of each connection and a sample of the rest. If none of the three
    is given, ``same_body`` asks for the body that the server sent before: see :meth:`with_body`.
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
    def _check_pattern(cls, pattern: str | None) -> str | None:
        return pattern and check_pattern(pattern)

    @model_validator(mode="after")
    def _check_one_body(self) -> Self:
        given = [self.body_sha256, self.body_contains, self.body_matches]
        if sum(each is not None for each in given) > 1:
            raise ValueError("expected one of body_sha256, body_contains and body_matches")
        return self

    @property
    def wants_same_body(self) -> bool:
        """True if bodies are to equal the one that the server sent before, which is not known yet."""
        return self.same_body and not (self.body_sha256 or self.body_contains or self.body_matches)

    def with_body(self, sha256: str, every: bool = False) -> Self:
        """Return the same expectation, with this body expected of every response, or of a sample."""
        return self.model_copy(update={"body_sha256": sha256, "every": every})

    def without_body(self) -> Self:
        """Return the same expectation of a status, and none of a body."""
        kept = {"body_sha256": None, "body_contains": None, "body_matches": None, "body_bytes": None}
        return self.model_copy(update=kept | {"same_body": False})

    def accepts_status(self, status: int) -> bool:
        """Check whether a response is good by its status."""
        return status in self.statuses if self.statuses else status < 400


class LoadShare(_LoadPart):
    """The share of a load that one of several processes offers: every ``of``-th request from ``index`` on. ``first`` is
    the number of connections of those before it."""

    index: int = Field(default=0, ge=0)
    of: int = Field(default=1, ge=1)
    first: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check_index(self) -> Self:
        if self.index >= self.of:
            raise ValueError(f"expected an index below {self.of}, got {self.index}")
        return self


class Load(_LoadPart):
    """A load. Times are in seconds, sizes in bytes.

    Without ``arrivals`` the loop is closed: each connection sends its next request after a response. The connections
    are opened one after another over the first half of the warm-up, as clients would arrive; without a warm-up, all at
    once. With ``arrivals`` the loop is open: connections are opened as they are needed, ``connections`` at the most.

    ``threads`` has wrk's meaning: the connections are divided into that many groups, and the spread of requests/s is
    taken over the groups. Arrivals and the order of requests are drawn from ``seed``.
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
    def _check_fit(self) -> Self:
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
        return list_kinds(self.requests)

    @property
    def kind_of_each(self) -> tuple[int, ...]:
        """The index into ``kinds`` for each of the requests."""
        return tuple(self.kinds.index(request.name) for request in self.requests)

    @property
    def url(self) -> str:
        """The URL of the first request, by which the load is called."""
        return self.target.url(self.requests[0].path)

    def shares(self, processes: int) -> list[Self]:
        """Return the shares of that many processes, with connections and groups divided as evenly as possible.

        Raises ValueError if there are more processes than connections.
        """
        if processes > self.connections:
            raise ValueError(
                f"expected at least as many connections as processes, got {self.connections} connections"
                f" and {processes} processes"
            )
        connections = [_deal(self.connections, index, processes) for index in range(processes)]
        return [
            self.model_copy(
                update={
                    "connections": number,
                    "threads": max(1, _deal(self.threads, index, processes)),
                    "share": LoadShare(index=index, of=processes, first=sum(connections[:index])),
                }
            )
            for index, number in enumerate(connections)
        ]

    def with_target(self, target: Target) -> Self:
        """Return the same load with another target."""
        return self.model_copy(update={"target": target})

    def with_expectation(self, expect: Expectation) -> Self:
        """Return the same load with another expectation."""
        return self.model_copy(update={"expect": expect})

    def with_warmup(self, warmup_s: float) -> Self:
        """Return the same load with another warm-up (seconds)."""
        return self.model_copy(update={"warmup_s": warmup_s})

    def with_windows(self, warmup_s: float, duration_s: float) -> Self:
        """Return the same load with another warm-up and measured window (seconds)."""
        return self.model_copy(update={"warmup_s": warmup_s, "duration_s": duration_s})

    def with_request(self, request: Request, data: DataTable | None = None) -> Self:
        """Return the same load with this request alone, and the data that fill it."""
        return self.model_copy(update={"requests": (request,), "data": data})


def list_kinds(requests: Iterable[Request]) -> tuple[str, ...]:
    """Return the names of the requests, each once. Requests of the same name are of one kind."""
    return tuple(dict.fromkeys(request.name for request in requests))


def _deal(total: int, index: int, hands: int) -> int:
    """Return how many of ``total`` the hand at ``index`` gets if they are dealt one by one."""
    return (total + hands - 1 - index) // hands


def parse_url(url: str, unix_socket: str | None = None, tls: Tls | None = None) -> tuple[Target, str]:
    """Return target and path (with its query) of an ``http://`` or ``https://`` URL; ``tls`` is for the latter.

    A host that stands for every address, as servers print it, becomes this machine. Raises ValueError saying what is
    wrong.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"expected a URL such as http://127.0.0.1:8080/path, got {url!r}: {error}") from error
    if parts.username is not None:  # which is not in the message: a password may be in it
        raise ValueError("expected a URL without a user, who is given as --user NAME:PASSWORD")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        instead = "" if "://" in url else f": write http://{url}"
        raise ValueError(f"expected a URL such as http://127.0.0.1:8080/path, got {url!r}{instead}")
    path = parts.path or "/"
    target = Target(
        host=WILDCARD_ADDRESSES.get(parts.hostname, parts.hostname),
        port=DEFAULT_PORTS[parts.scheme] if port is None else port,
        unix_socket=unix_socket,
        tls=(tls or Tls()) if parts.scheme == "https" else None,
    )
    return target, f"{path}?{parts.query}" if parts.query else path


def parse_stage(text: str) -> Stage:
    """Parse a stage such as ``30s:500``: half a minute in which the rate changes to 500 requests/s.

    Raises ValueError, with what was expected, if the text is no stage.
    """
    duration, colon, rate = text.partition(":")
    try:
        if not colon:
            raise ValueError(text)
        return Stage(duration_s=parse_duration_s(duration), rate_per_s=float(rate))
    except ValueError as error:
        raise ValueError(f"expected a stage such as '30s:500' (duration:requests/s), got {text!r:.60}") from error


def check_pattern(text: str) -> str:
    """Return the text unchanged if it is a regular expression. Raises ValueError saying what is wrong with it."""
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"expected a regular expression, got {text!r:.60}: {error}") from error
    return text


def parse_expected_body(text: str) -> dict[str, str | bool]:
    """Return the fields of an Expectation for ``any``, ``same``, a SHA-256, ``contains:TEXT`` or ``matches:REGEX``.

    Raises ValueError, with what was expected, if the text is none of them.
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
