"""A run: its schedule and settings, its ending, and all of its data as reports read them."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field

from harness.doctor.check import Check
from harness.load.cpus import Placement
from harness.machine.environment import Environment
from harness.record.planned import PlannedTrial
from harness.record.revision import Revision
from harness.record.trial import SCHEMA_VERSION, RecordPart, TrialRecord
from harness.scenario import Objective, Scenario
from harness.scenario.table import NAME
from harness.text import Printable
from harness.units.ranges import Amount, Moment, PositiveAmount, PositiveCount

MAX_LOOKS: Final = 64  # of 10,000 rounds there are 20
EndReason = Literal["all rounds", "planned rounds", "sure", "given up", "out of time", "machines lost", "interrupted"]


def _check_ascending(looks: tuple[int, ...]) -> tuple[int, ...]:
    if any(later <= sooner for sooner, later in pairwise(looks)):
        raise ValueError("expected numbers of blocks, each more than the one before")
    return looks


LooksAfter = Annotated[
    tuple[PositiveCount, ...], Field(min_length=1, max_length=MAX_LOOKS), AfterValidator(_check_ascending)
]


class SkippedTopology(RecordPart):
    """A topology that this machine can't run, and what to install."""

    name: str = Field(pattern=NAME)
    reason: Printable


class Program(RecordPart):
    """A program that was run: its name, the path at which it was found, and ``real_path`` where that is a link.

    Where ``version`` is None, ``unknown`` says why. ``side`` is set for a program in the checkout of one of two
    commits.
    """

    name: Printable
    path: Printable
    real_path: Printable | None = None
    version: Printable | None = None
    unknown: Printable | None = None
    side: Literal["base", "head"] | None = None

    def __str__(self) -> str:
        """Return the program as text: ``gunicorn 23.0.0: /usr/bin/gunicorn``."""
        side = f"{self.side}: " if self.side else ""
        link = f", a link to {self.real_path}" if self.real_path else ""
        return f"{side}{self.name} {self.version or f'({self.unknown})'}: {self.path}{link}"

    def with_side(self, side: str | None) -> Self:
        """Return the same program with the side that it belongs to."""
        return self.model_copy(update={"side": side})


class RigRecord(RecordPart):
    """A rig of a fleet that made rounds: the machine of its server, and those that generated the load, of which there
    are none where that machine did."""

    server: Printable
    generators: list[Printable] = Field(default_factory=list)
    environment: Environment


class NoiseFloor(RecordPart):
    """The noise floor of this machine: the scatter of a topology compared with itself, by ``harness aa``.

    ``scatter`` is the standard deviation of the log-ratios within rounds, by metric (0.03 is about 3 %).
    ``scatter_at_equal_pace`` is what remains of it after the adjustment for the core speed, where that is known.
    ``block_s`` is the duration of a round (seconds).
    """

    measured_at: Moment
    rounds: PositiveCount
    block_s: PositiveAmount
    scatter: dict[str, Amount]
    scatter_at_equal_pace: dict[str, Amount] = Field(default_factory=dict)


class Interleaving(RecordPart):
    """The way in which the trials of a round are interleaved, chosen before the first of them.

    With ``slices``, load alternates between topologies that are all up; otherwise one whole trial follows the other.
    ``both`` take turns, round by round. A slice has ``slice_s``, None for whole trials. With ``turn_s``, slices of all
    topologies are measured at the same time, in turns of so long. ``why`` says why slices would not be sound, where it
    was chosen for that.
    """

    kind: Literal["slices", "trials", "both"] = "trials"
    slice_s: PositiveAmount | None = None
    turn_s: PositiveAmount | None = None
    why: Printable | None = None

    def has_slices(self, block: int) -> bool:
        """Check whether this round (numbered from 1) is made in slices."""
        return self.kind == "slices" or (self.kind == "both" and block % 2 == 1)


class RunInfo(RecordPart):
    """The schedule and the settings of a run, written once when it begins.

    ``trials`` are all that may be made. ``looks`` are the numbers of rounds after which the verdicts are judged.
    ``scenario_sha256`` is the digest of scenario.json as it was written. ``noise`` is the newest noise floor that was
    measured on this machine with the same load and baseline. ``checks`` are the doctor's results before the first
    trial. ``revisions`` are base and head, where two commits are compared. With ``objectives`` the run is a search for
    the capacity, whose trials are not known in advance. ``programs`` are those that the topologies run.
    ``interleaving`` is how the trials of a round take turns. ``rigs`` are those of a fleet, none of a run on this
    machine.
    """

    schema_version: int = SCHEMA_VERSION
    seed: int
    started_at: Moment
    command: Printable
    trials: list[PlannedTrial]
    looks: LooksAfter
    placement: Placement
    skipped: list[SkippedTopology]
    scenario_sha256: str | None = None
    noise: NoiseFloor | None = None
    checks: list[Check] = Field(default_factory=list)
    revisions: list[Revision] = Field(default_factory=list)
    objectives: list[Objective] = Field(default_factory=list)
    programs: list[Program] = Field(default_factory=list)
    interleaving: Interleaving = Interleaving()
    rigs: list[RigRecord] = Field(default_factory=list)


class Ending(RecordPart):
    """The end of a run and its reason, written when it ends. A run without an ending was killed or still goes on.
    ``resumed_at`` are the times at which it was resumed. ``looks`` are those that were made, where they are others than
    those of the schedule: when the first rounds had shown how long one takes, or the time was out. ``failure`` is what
    failed beside the trials, such as the hook ``cleanup``."""

    reason: EndReason
    ended_at: Moment
    looks: LooksAfter | None = None
    failure: Printable | None = None
    resumed_at: list[Moment] = Field(default_factory=list)


class Run(RecordPart):
    """The content of a run folder, as reports read it.

    ``left_out`` has an entry for each line of trials.jsonl that is no valid record: which line it is, and why.
    ``is_edited`` is set where scenario.json was changed since the run began.
    """

    path: Path
    info: RunInfo
    scenario: Scenario
    environment: Environment
    records: list[TrialRecord]
    left_out: list[str]
    is_edited: bool
    ending: Ending | None

    @property
    def looks(self) -> LooksAfter:
        """The numbers of rounds after which the verdicts are judged."""
        return (self.ending and self.ending.looks) or self.info.looks

    @property
    def is_search(self) -> bool:
        """True if the run searched for the capacity, and compared nothing."""
        return bool(self.info.objectives)

    @property
    def is_whole(self) -> bool:
        """True if the run came to its end, and was not interrupted or killed, nor lost all of its machines."""
        return self.ending is not None and self.ending.reason not in ("interrupted", "machines lost")

    def with_scenario(self, scenario: Scenario) -> Self:
        """Return the same run with another scenario, such as one with other gates."""
        return self.model_copy(update={"scenario": scenario})
