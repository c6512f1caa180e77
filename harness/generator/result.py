"""What the generator tells: events while it runs, and one result at the end. Plain data, read by every report."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from harness.generator.latency import LatencySummary, Spread


class Errors(BaseModel):
    """Requests that did not end well, each in exactly one count."""

    model_config = ConfigDict(frozen=True)

    connect: int = 0  # no connection: refused, unreachable, out of descriptors
    read: int = 0  # closed or reset before the response was complete
    write: int = 0  # closed or reset while the request was sent
    timeout: int = 0  # no complete response within the timeout; the connection was replaced
    status: int = 0  # complete, status 400 or more
    body: int = 0  # complete, but not the body expected; the first of each connection and a sample are checked
    protocol: int = 0  # not HTTP/1.1

    @property
    def failed(self) -> int:
        """Requests without a complete response for another reason than time."""
        return self.connect + self.read + self.write + self.protocol

    @property
    def total(self) -> int:
        """All of them."""
        return self.failed + self.timeout + self.status + self.body


class Measuring(BaseModel):
    """The warm-up is over and the measured window has begun."""

    event: Literal["measuring"] = "measuring"


class Second(BaseModel):
    """About one second, ending ``end_s`` after the window began; those told before Measuring are of the warm-up."""

    model_config = ConfigDict(frozen=True)

    event: Literal["second"] = "second"
    end_s: float
    requests: int
    requests_per_s: float
    errors: int
    p50_ms: float | None = Field(description="None when nothing completed in that second")
    p99_ms: float | None
    max_ms: float | None


class Measured(BaseModel):
    """The measured window has ended; the result follows as soon as it is computed."""

    event: Literal["measured"] = "measured"


class LoadResult(BaseModel):
    """One measured window of a closed loop.

    ``started == ok + errors.status + errors.body + errors.failed + errors.timeout + unfinished``; ``requests``
    are those with a complete response. ``started`` includes the requests in flight when the window opened.
    """

    model_config = ConfigDict(frozen=True)

    event: Literal["result"] = "result"
    url: str
    threads: int
    connections: int
    started: int
    requests: int
    ok: int
    errors: Errors
    unfinished: int
    asked_duration_s: float
    duration_s: float
    requests_per_s: float
    bytes: int
    bytes_per_s: float
    latency_ms: LatencySummary | None = Field(description="None when no request ended in the window")
    group_requests_per_s: Spread = Field(description="wrk's Req/Sec: each connection group, every 100 ms")
    statuses: dict[int, int]
    workers: dict[str, int] = Field(description="responses per X-Worker; empty when the server does not send it")
    generator_cpu_s: float = Field(description="user and system time of the generator in the window")
    series: list[Second]
    histogram: str = Field(description="latencies in ns, HdrHistogram V2, compressed, base64")


Event = Annotated[Measuring | Second | Measured | LoadResult, Field(discriminator="event")]
EVENTS: TypeAdapter[Measuring | Second | Measured | LoadResult] = TypeAdapter(Event)
