"""The messages between one process of the generator and the one that started it: orders, and parts of the results that
are to be merged."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from harness.load.result import Errors, WindowBegan, WindowEnded


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class GeneratorReady(_Message):
    """The message that the process is ready and waits for Begin."""

    event: Literal["ready"] = "ready"


class _Order(_Message):
    """An order is carried out at this time of the system's monotonic clock, which all processes share."""

    at_ns: int


class Begin(_Order):
    """The order to warm up and to measure one window."""

    order: Literal["begin"] = "begin"


class WarmUp(_Order):
    """The order to warm up, and to pause with nothing in flight."""

    order: Literal["warm up"] = "warm up"


class Reopen(_Order):
    """The order to open the connections again that the server has closed in the pause, and to pause again."""

    order: Literal["reopen"] = "reopen"


class Turns(_Message):
    """The turns in which slices of ``of`` loads are measured at the same time. A turn lasts ``length_ns``, the last
    ``gap_ns`` of which are left to the change. ``seed`` determines the order in each cycle."""

    length_ns: int
    gap_ns: int
    of: int
    seed: str


class RunSlice(_Order):
    """The order to measure one slice, and to pause again."""

    order: Literal["slice"] = "slice"
    duration_s: float


class RunInTurns(_Order):
    """The order to measure one slice in the turns of the load at this ``place`` (from 0), and to pause again."""

    order: Literal["turns"] = "turns"
    duration_s: float
    turns: Turns
    place: int


Order = Begin | WarmUp | Reopen | RunSlice | RunInTurns
ORDERS: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="order")])


class PartSecond(_Message):
    """One second of one process, with its latencies, so that percentiles can be taken over all processes."""

    event: Literal["second"] = "second"
    end_s: float
    requests: int
    requests_per_s: float
    errors: int
    histogram: str


class PartOffered(_Message):
    """One process's part of the requests that an open loop was to offer; counts as in Offered."""

    due: int
    begun: int
    dropped: int
    late: int
    queued: int
    send_lag_histogram: str


class PartRequest(_Message):
    """The requests of one kind in one process; counts as in RequestResult."""

    requests: int
    ok: int
    errors: int
    histogram: str


class ProcessResult(_Message):
    """The window of one process, or of several ``processes`` of one host together: counts as in LoadResult, histograms
    encoded. It began at ``began_ns`` of their monotonic clock; ``connection_s`` is how long its connections were there,
    added up."""

    event: Literal["part"] = "part"
    processes: int = 1
    began_ns: int
    connection_s: float
    requests_per_s: float
    bytes_per_s: float
    started: int
    reconnected: int
    requests: int
    ok: int
    to_check: int
    checked: int
    errors: Errors
    protocol_reasons: dict[str, int]
    unfinished: int
    aged_s: float | None  # by how much the age of all requests in flight, added up, grew over the window
    bytes: int
    statuses: dict[int, int]
    workers: dict[str, int]
    open_by_port: dict[int, int] = {}
    duration_s: float
    offered: PartOffered | None
    group_rates_per_s: list[float]
    cpu_s: float
    busy: float | None
    stalled_s: float
    last_second: PartSecond
    by_request: list[PartRequest]
    histogram: str
    service_histogram: str
    unfinished_histogram: str


class Paused(_Message):
    """The message that the load is paused, before which ``opened`` connections were opened."""

    event: Literal["paused"] = "paused"
    opened: int


class PartSlice(_Message):
    """One slice of one process. ``window`` is its measured part, after a lead-in of ``lead_in_s``. From idle to idle,
    the whole slice took ``elapsed_s``, and there were ``answered`` complete responses. ``undrained`` counts requests
    whose response had not come after a long wait at its end. ``drained_histogram`` has the latencies of the responses
    after the window."""

    event: Literal["slice"] = "slice"
    window: ProcessResult
    lead_in_s: float
    elapsed_s: float
    answered: int
    undrained: int
    drained_histogram: str


PartEvent = GeneratorReady | WindowBegan | PartSecond | WindowEnded | ProcessResult | Paused | PartSlice
PART_EVENTS: TypeAdapter[PartEvent] = TypeAdapter(Annotated[PartEvent, Field(discriminator="event")])


def is_last(order: Order, event: PartEvent) -> bool:
    """Return whether the event is the last with which a process answers the order."""
    match order:
        case Begin():
            return isinstance(event, ProcessResult)
        case RunSlice() | RunInTurns():
            return isinstance(event, PartSlice)
        case _:
            return isinstance(event, Paused)
