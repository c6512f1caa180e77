"""The messages between the machines of a fleet, beside single words and numbers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.fleet.commits import PackedCommits
from harness.load.cpus import Placement
from harness.load.result import Second
from harness.record import Interleaving, PlannedTrial, Program, SkippedTopology, TrialRecord
from harness.scenario import Scenario, Topology


class _FleetMessage(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class Seat(_FleetMessage):
    """A machine that generates a part of the load, as the server's machine calls it: so many ``processes``, pinned to
    ``cpus`` if there are any."""

    name: str
    address: str
    token: str
    processes: int
    cpus: tuple[int, ...] = ()


class RigPlan(_FleetMessage):
    """The rig of a server's machine: the machines that generate the load, none where its own does, and the address at
    which they find its servers."""

    seats: tuple[Seat, ...]
    address: str


class PreparationOrder(_FleetMessage):
    """The order to prepare a run of the scenario."""

    scenario: Scenario
    seed: int


class CheckoutOrder(_FleetMessage):
    """The order to check two commits out, and to prepare a run of the scenario on both."""

    scenario: Scenario
    seed: int
    commits: PackedCommits


class Preparation(_FleetMessage):
    """A prepared run, as far as it is the same on every machine."""

    scenario: Scenario
    skipped: list[SkippedTopology]
    schedule: tuple[PlannedTrial, ...]
    placement: Placement
    doubts: tuple[str, ...]


class ScenarioOrder(_FleetMessage):
    """The order to do something with a scenario."""

    scenario: Scenario


class SlicesTried(_FleetMessage):
    """The outcome of a try of slices: see :class:`harness.measure.interleaving.Tried`."""

    objection: str | None
    least_slice_s: float


class FingerprintOrder(_FleetMessage):
    """The order to take the fingerprint of what topologies run."""

    topologies: tuple[Topology, ...]
    programs: tuple[Program, ...] = ()


class RoundOrder(_FleetMessage):
    """The order to make one round of a run that is open. ``known_bodies`` are the digests of those that earlier
    trials found to be always the same."""

    trials: tuple[PlannedTrial, ...]
    interleaving: Interleaving
    scenario: Scenario
    known_bodies: frozenset[str]


class TrialBegan(_FleetMessage):
    """A trial begins."""

    event: Literal["trial"] = "trial"
    trial: str


class TrialProgress(_FleetMessage):
    """A trial goes on: see :class:`harness.measure.progress.Progress`."""

    event: Literal["progress"] = "progress"
    phase: str
    second: Second | None
    topology: str | None


class TrialMade(_FleetMessage):
    """A trial was made: its record, and the log of its server."""

    event: Literal["made"] = "made"
    record: TrialRecord
    log: bytes


class LogWritten(_FleetMessage):
    """The log of a service or a hook."""

    event: Literal["log"] = "log"
    name: str
    log: bytes


JobEvent = Annotated[TrialBegan | TrialProgress | TrialMade | LogWritten, Field(discriminator="event")]
