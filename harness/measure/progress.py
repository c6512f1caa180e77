"""The progress of a trial, as displays show it."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from harness.load.result import Second


class Phase(enum.Enum):
    """A phase of a trial, as displays name it."""

    STARTING = "starting"
    WARMING_UP = "warming up"
    MEASURING = "measuring"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Progress:
    """The state of a trial that runs. ``second`` is the newest row of its series, None where there is none yet.
    ``topology`` is named where several trials take turns."""

    phase: Phase
    second: Second | None = None
    topology: str | None = None


Watch = Callable[[Progress], None]
