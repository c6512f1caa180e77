"""What was to be done in a run, how it ended, and all of it as reports read it."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Literal

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
EndReason = Literal["all rounds", "sure", "out of time", "interrupted"]


def _check_ascend(looks: tuple[int, ...]) -> tuple[int, ...]:
    if any(later <= sooner for sooner, later in pairwise(looks)):
        raise ValueError("expected numbers of blocks, each more than the one before")
    return looks


LooksAfter = Annotated[
    tuple[PositiveCount, ...], Field(min_length=1, max_length=MAX_LOOKS), AfterValidator(_check_ascend)
]


class SkippedTopology(RecordPart):
    """A topology that this machine can't run, and what to install."""

    name: str = Field(pattern=NAME)
    reason: Printable


class Program(RecordPart):
    """A program that was run: its name, the file that it was found as, and ``real_path`` where links lead to another.

    Where ``version`` is None, ``unknown`` says why. ``side`` is that of two commits which alone has it, in its
    checkout.
    """

    name: Printable
    path: Printable
    real_path: Printable | None = None
    version: Printable | None = None
    unknown: Printable | None = None
    side: Literal["base", "head"] | None = None

    def __str__(self) -> str:
        """As ``gunicorn 23.0.0: /usr/bin/gunicorn``."""
        side = f"{self.side}: " if self.side else ""
        link = f", a link to {self.real_path}" if self.real_path else ""
        return f"{side}{self.name} {self.version or f'({self.unknown})'}: {self.path}{link}"


class NoiseFloor(RecordPart):
    """What this machine makes of no difference at all: a topology measured against itself, by ``harness aa``.

    ``scatter`` is the standard deviation of the log-ratios within blocks, by metric (0.03 is about 3 %);
    ``scatter_at_equal_pace`` what is left of it between equally many workers, whose pace is known.
    """

    measured_at: Moment
    rounds: PositiveCount
    block_s: PositiveAmount
    scatter: dict[str, Amount]
    scatter_at_equal_pace: dict[str, Amount] = Field(default_factory=dict)


class RunInfo(RecordPart):
    """What was to be done: written once, when the run begins.

    ``trials`` are all that may be made, ``looks`` the numbers of blocks after which the verdicts were to be looked at.
    ``scenario_sha256`` is that of scenario.json as it was written.
    ``noise`` is the newest floor measured on this machine with the same load and baseline, ``checks`` what the doctor
    found before the first trial. ``revisions`` are base and head, where two commits are compared. With ``objectives``
    it is a search for the capacity, whose trials are not known before. ``programs`` are those that the topologies run.
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


class Ending(RecordPart):
    """Why a run ended: written when it does. A run without it was killed. ``resumed_at`` tells when it was gone on
    with."""

    reason: EndReason
    ended_at: Moment
    resumed_at: list[Moment] = Field(default_factory=list)


class Run(RecordPart):
    """All that a run folder holds, as reports read it.

    ``left_out`` says of each line of trials.jsonl that is no sound record which it is and why it does not count;
    ``is_edited`` whether the scenario is not what it was when the run began.
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
    def is_search(self) -> bool:
        """Whether it searched for the capacity, and compared nothing."""
        return bool(self.info.objectives)

    @property
    def is_whole(self) -> bool:
        """Whether everything was measured that was to be."""
        return self.ending is not None and self.ending.reason != "interrupted"
