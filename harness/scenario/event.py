"""Events in the measured window, such as a reload or a crash: the tables ``[[event]]``."""

import signal
from functools import partial
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from harness.scenario.command import check_command
from harness.scenario.placeholders import SERVICE, check_placeholders
from harness.scenario.table import DurationS, Name, TomlTable

WHOLE_SECOND_S: Final = 1.5  # after which a whole second of the window is over, to compare the others with
SECOND_AFTER_S: Final = 1.0
KNOWN_TO_EVENTS: Final = ("python", "harness_python", "root", "host", "port", "pid", "topology", SERVICE)


def _check_signal(name: str) -> str:
    """Return the signal's name without SIG. Raises ValueError for what is none."""
    short = name.upper().removeprefix("SIG")
    if f"SIG{short}" not in signal.Signals.__members__:
        raise ValueError(f"expected the name of a signal, such as 'HUP', got {name!r:.60}")
    return short


SignalName = Annotated[str, AfterValidator(_check_signal)]


class Event(TomlTable):
    """One event, ``at_s`` after the measured window began: a ``signal`` to the process that was launched, the ``kill``
    (SIGKILL) of one process of a role, a command to ``run``, or the ``stop`` of a service.

    In the command, {pid} is the process that was launched, and {host} and {port} are where it listens.
    """

    at_s: DurationS = Field(alias="at", ge=WHOLE_SECOND_S)
    signal: SignalName | None = None
    kill: Literal["worker", "front", "supervisor"] | None = None
    run: Annotated[
        tuple[str, ...], Field(strict=False), AfterValidator(partial(check_command, known=KNOWN_TO_EVENTS))
    ] = ()
    stop: Name | None = None
    timeout_s: DurationS = Field(default=10.0, alias="timeout", gt=0)

    @model_validator(mode="after")
    def _check_one_action(self) -> Self:
        if sum(map(bool, (self.signal, self.kill, self.run, self.stop))) != 1:
            raise ValueError("expected one of signal, kill, run and stop")
        return self

    @property
    def placeholders(self) -> set[str]:
        """The names in braces in its command."""
        return check_placeholders(self.run, KNOWN_TO_EVENTS)

    @property
    def what(self) -> str:
        """The event in a few words."""
        if self.signal:
            return f"SIG{self.signal}"
        if self.kill:
            return f"SIGKILL to a {self.kill}"
        return f"stop of {self.stop}" if self.stop else " ".join(self.run)
