"""What is offered to a server: a closed loop of connections, each sending its next request after a response."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\t -~\u{a0}-\u{ff}]*$")]


class Load(BaseModel):
    """A closed-loop load, frozen. Times in seconds, sizes in bytes.

    The connections are opened one after another over the first half of the warm-up, as clients would come; without
    a warm-up all at once. ``threads`` is meant in wrk's sense: the connections are dealt to that many groups, and
    the spread of requests/s is taken over the groups.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int = Field(ge=1, le=65535)
    path: str = Field(default="/", pattern=r"^/[!-~]*$")
    method: str = Field(default="GET", pattern=r"^[A-Z]+$")
    headers: dict[HeaderName, HeaderValue] = {}
    body: str = ""
    connections: int = Field(default=10, ge=1)
    threads: int = Field(default=2, ge=1)
    warmup_s: float = Field(default=0.0, ge=0)
    duration_s: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    timeout_s: float = Field(default=2.0, gt=0)
    expect_body_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _each_group_has_a_connection(self) -> Self:
        if self.threads > self.connections:
            raise ValueError(
                f"expected at least as many connections as threads, got {self.connections} connections"
                f" and {self.threads} threads"
            )
        return self

    @property
    def url(self) -> str:
        """The address under load."""
        return f"http://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """Host and port as a URL has them: an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def target_of(url: str) -> tuple[str, int, str]:
    """Host, port and path (with its query) of an ``http://`` URL. Raises ValueError saying what is wrong."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"expected a URL such as http://127.0.0.1:8080/path, got {url!r}")
    path = parts.path or "/"
    port = 80 if parts.port is None else parts.port
    return parts.hostname, port, f"{path}?{parts.query}" if parts.query else path
