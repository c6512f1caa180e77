"""The events that the generator emits while it runs, and its result at the end: plain data, read by every report."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from harness.load.latency import LatencySummary, Spread
from harness.text import Printable
from harness.units import US_PER_MS
from harness.units.ranges import Amount, Count, Difference, PositiveAmount

HealthWarningKind = Literal["busy", "stalled", "behind", "lagging", "miscounted"]


class _ResultPart(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Errors(_ResultPart):
    """The counts of requests that did not end well, each in exactly one of them."""

    connect: Count = 0  # no connection: refused, unreachable, out of descriptors
    read: Count = 0  # closed or reset before the response was complete
    write: Count = 0  # closed or reset while the request was sent
    stale: Count = 0  # a used connection had ended before the answer began; not sent again, as what is idempotent is
    timeout: Count = 0  # no complete response within the timeout; the connection was replaced
    status: Count = 0  # complete, but not of a status expected; without an expectation, 400 or more
    body: Count = 0  # complete, of a good status, but not the body expected, as far as it was checked
    protocol: Count = 0  # not HTTP/1.1

    @property
    def failed(self) -> int:
        """The number of requests without a complete response for another reason than time."""
        return self.connect + self.read + self.write + self.stale + self.protocol

    @property
    def total(self) -> int:
        """The number of all requests that did not end well."""
        return self.failed + self.timeout + self.status + self.body


class SendLag(_ResultPart):
    """The send lag of the generator in microseconds: from when a request was due until the loop took it up.

    The wait for a free connection that may follow is caused by the server and is not included.
    """

    p50: Amount
    p90: Amount
    p99: Amount
    p99_9: Amount
    max: Amount


class Offered(_ResultPart):
    """The requests that an open loop was to offer in the window, and how many of them it offered.

    ``due == begun + dropped``; ``late`` and ``queued`` are subsets of those begun. ``begun`` is ``started`` of the
    result minus the requests that were in flight when the window opened.
    """

    kind: Literal["constant", "poisson"]
    is_ramp: bool  # True if the rate was to change during the window
    asked_per_s: Amount  # mean over the window
    rate_per_s: Amount  # due in the window, per second: with poisson it differs from what was asked
    due: Count
    begun: Count
    dropped: Count  # due in the window, but not taken up before it closed
    late: Count  # taken up more than a tenth of the mean gap, and more than 100 µs, after they were due
    queued: Count  # found no free connection and waited for one, which counts in their latency
    send_lag_us: SendLag | None = Field(description="None when nothing was due")


class HealthWarning(_ResultPart):
    """A reason to think that the generator limited the result, not the server; or to distrust the response times."""

    kind: HealthWarningKind
    what: Printable
    advice: Printable

    @property
    def title(self) -> str:
        """The name of a result with this warning."""
        return "generator-bound" if self.is_of_generator else "miscounted"

    @property
    def is_of_generator(self) -> bool:
        """True if the generator was the limit, which a miscount does not mean."""
        return self.kind != "miscounted"


class WindowBegan(_ResultPart):
    """The warm-up is over and the measured window has begun."""

    event: Literal["measuring"] = "measuring"


class Second(_ResultPart):
    """A row of about a second, ending ``end_s`` after the window began. Those before WindowBegan are of the warm-up."""

    event: Literal["second"] = "second"
    end_s: Amount
    requests: Count
    requests_per_s: Amount
    errors: Count
    p50_ms: PositiveAmount | None = Field(description="None when no request ended in that second")
    p99_ms: PositiveAmount | None
    max_ms: PositiveAmount | None
    histogram: str = Field(description="latencies as in the result's histogram")


class WindowEnded(_ResultPart):
    """The measured window has ended; the result follows as soon as it is computed."""

    event: Literal["measured"] = "measured"


class RequestResult(_ResultPart):
    """The result of the requests of one kind, in the whole window; counts as in LoadResult.

    Requests that failed or timed out before they had a connection have no kind, and are in no such row.
    """

    name: Printable = Field(description="method and path as they are written, with their placeholders")
    requests: Count
    ok: Count
    errors: Count = Field(description="those that did not end well, with a connection; of no kind are those without")
    latency_ms: LatencySummary | None = Field(description="response times; None when none of them ended")
    histogram: str = Field(description="latencies as in the result's histogram")


class GeneratorHost(_ResultPart):
    """The part of one of the machines that generated a load together, apart from the server.

    Its clock was ahead of the server's machine by ``offset_us``, give or take ``bound_us``; all began within
    ``begun_us`` of each other, at the worst of all slices. Counts are as in LoadResult.
    """

    name: Printable
    processes: Count
    started: Count
    requests: Count
    errors: Count
    bytes: Count
    cpu_s: Amount
    busy: Amount | None
    stalled_s: Amount
    offset_us: Difference
    bound_us: Amount
    round_trip_us: Amount
    begun_us: Amount


class LoadResult(_ResultPart):
    """The result of one measured window.

    ``started == ok + errors.status + errors.body + errors.failed + errors.timeout + unfinished``; ``requests``
    are those with a complete response. ``started`` includes the requests in flight when the window opened.
    ``reconnected`` of them were sent again, once, on a new connection: each is one request, in the count of how it
    ended.

    ``latency_ms`` is the response time, which runs from when the request was due. ``service_ms`` is the service time,
    which runs from when it was sent: without the wait for a connection, and without opening one.
    """

    event: Literal["result"] = "result"
    url: Printable
    loop: Literal["closed", "open"] = "closed"
    threads: Count
    connections: Count = Field(description="kept open in a closed loop; the most that were allowed in an open one")
    processes: Count = 1
    cpus: list[Count] = Field(default=[], description="where the processes were pinned; empty when they were not")
    hosts: list[GeneratorHost] = Field(default=[], description="other machines that generated it; empty for this one")
    started: Count
    reconnected: Count = Field(
        default=0, description="of those started: sent again, since a used connection had ended before the answer began"
    )
    requests: Count
    ok: Count
    to_check: Count = Field(default=0, description="good responses with a body, where one is expected")
    checked: Count = Field(default=0, description="of those, whose body was compared with the expected one")
    errors: Errors
    protocol_reasons: dict[Printable, Count] = Field(default={}, description="what was not HTTP/1.1, and how often")
    unfinished: Count
    in_flight: Amount | None = Field(
        default=None,
        description="requests on their way at a time, by their response times (Little's law): as many as connections;"
        " None in an open loop, and where requests failed or timed out",
    )
    asked_duration_s: Amount
    duration_s: PositiveAmount
    requests_per_s: Amount = Field(
        description="of a closed loop with the requests under way as the window begins and ends, each by the part of it"
        " that is inside"
    )
    offered: Offered | None = Field(default=None, description="None in a closed loop")
    bytes: Count
    bytes_per_s: Amount
    latency_ms: LatencySummary | None = Field(description="None when no request ended in the window")
    service_ms: LatencySummary | None = Field(default=None, description="None when none of them was sent either")
    group_requests_per_s: Spread = Field(description="wrk's Req/Sec: each connection group, every 100 ms")
    statuses: dict[Count, Count]
    workers: dict[Printable, Count] = Field(
        description="responses per X-Worker; empty when the server does not send it"
    )
    open_by_port: dict[Count, Count] = Field(
        default_factory=dict,
        description="connections to each replica at the window's end, by port; empty for one server",
    )
    generator_cpu_s: Amount = Field(
        description="user and system time of the generator in the window or, of slices, from idle to idle"
    )
    busy: Amount | None = Field(
        default=None, description="share of the window in which the busiest loop ran or waited for a core to run on"
    )
    stalled_s: Amount = Field(
        default=0.0,
        description="how long a loop was kept from running, stopped or waiting for a core: the longest. Waits of a"
        " closed loop count by the part of the connections whose response waited",
    )
    generator_bound: bool = False
    doubts: list[HealthWarning] = Field(default=[], description="why it is generator-bound, or miscounted")
    by_request: list[RequestResult] = Field(
        default=[], description="each kind of request, where there are several; requests and ok add up to the result's"
    )
    series: list[Second]
    histogram: str = Field(description="latencies in ns, HdrHistogram V2, compressed, base64")
    service_histogram: str = Field(description="service times in the same form")
    unfinished_histogram: str | None = Field(
        default=None, description="in the same form, how long those unfinished had waited as the window closed"
    )

    @property
    def generator_cpu_here_s(self) -> float:
        """The CPU time of the generator on the server's machine: none where it is on others."""
        return 0.0 if self.hosts else self.generator_cpu_s

    @property
    def round_trip_ms(self) -> float:
        """The time that a message takes to the machines that generated the load and back: none on one machine."""
        return max((host.round_trip_us for host in self.hosts), default=0.0) / US_PER_MS

    @property
    def is_unchecked(self) -> bool:
        """True if a body was expected, and none of those that came could be compared with it."""
        return self.to_check > 0 and not self.checked

    @property
    def reconnected_share(self) -> float:
        """The share of the requests that were sent again, of all that were started."""
        return self.reconnected / self.started if self.started else 0.0

    @property
    def good_share(self) -> float:
        """The share of good responses, of all that were complete."""
        return self.ok / self.requests if self.requests else 0.0

    @property
    def error_share(self) -> float:
        """The share of requests that did not end well, of all that ended."""
        ended = self.started - self.unfinished
        return self.errors.total / ended if ended else 0.0

    def without_doubt(self, kind: HealthWarningKind) -> Self:
        """Return the same result without the doubts of one kind."""
        return self.model_copy(update={"doubts": [doubt for doubt in self.doubts if doubt.kind != kind]})


Event = WindowBegan | Second | WindowEnded | LoadResult
