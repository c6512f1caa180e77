"""The ways to run the server: ``[[topology]]`` as written, and one topology for each number of workers."""

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import (
    Field,
    GetPydanticSchema,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import core_schema

from harness.problems import MOST_SHOWN
from harness.scenario.table import Name, Table, Words
from harness.text import obeys

PLACEHOLDERS: Final = ("python", "harness_python", "host", "port", "workers", "root")
MAX_WORKERS: Final = 1024
REDACTED: Final = "(redacted)"
_SECRET: Final = re.compile(
    r"secret|token|passw|passphrase|credential|private|api_?key|access_?key|auth", re.IGNORECASE
)

_ONE_OF_THEM: Final = re.compile(r"(\{(?:" + "|".join(PLACEHOLDERS) + r")\})")

PassedName = Annotated[
    str,
    obeys(
        r"[A-Za-z_][A-Za-z0-9_]*",
        "expected the name of a variable: letters, digits and _, and no digit at its beginning",
    ),
]
PassedNames = Annotated[tuple[PassedName, ...], Field(strict=False)]
VariableName = Annotated[str, obeys(r"[^=\0]+", "expected the name of a variable, which is not empty and has no =")]
Variables = dict[VariableName, str]


AsFound = Literal["as found"]
WorkerNumbers = Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_WORKERS)], ...], Field(strict=False)]


def _numbers_or_as_found(workers: object, validate: ValidatorFunctionWrapHandler) -> object:
    if workers == "as found" or workers is None:
        return workers
    if isinstance(workers, str):
        raise ValueError(f"expected a list of numbers such as [1, 2, 4], or 'as found', got {workers!r:.60}")
    return validate(workers)


# Not as pydantic's union, which tells what is wrong with a number twice.
Workers = Annotated[
    WorkerNumbers | AsFound | None,
    GetPydanticSchema(
        lambda _, schema_of: core_schema.no_info_wrap_validator_function(
            _numbers_or_as_found, schema_of.generate_schema(WorkerNumbers)
        )
    ),
]


class Side(Table):
    """Which of two commits a topology runs: ``of`` is its name in the scenario, ``root`` where the commit is checked
    out."""

    commit: Literal["base", "head"]
    of: Name
    root: str


class Topology(Table):
    """One way to run the server. ``workers`` is how many it is to have, None for one that is to be a single process
    and where they are to be taken ``workers_as_found``; clusters that differ in nothing but that are of one ``family``.

    ``command`` and the values of ``env`` may hold {python}, the one on the caller's PATH, {harness_python}, the
    harness's own, {host}, {port}, {workers} and {root}, the folder in which the command runs: where the harness was
    called or, on one ``side``, the commit's. The server's environment is ``env``, the variables of the caller that
    ``pass_env`` names, and a few that every program needs. ``port`` fixes the port for a server that can't be told one;
    otherwise every trial takes a free one.
    """

    name: Name
    family: str
    command: Words = Field(min_length=1)
    env: Variables = Field(default_factory=dict)
    pass_env: PassedNames = ()
    workers: int | None = None
    workers_as_found: bool = False
    baseline: bool = False
    requires: Words = ()
    port: int | None = Field(default=None, ge=1, le=65535)
    side: Side | None = None

    @property
    def title(self) -> str:
        """What people call it: of two commits, by its name in the scenario."""
        return self.side.of if self.side else self.name

    def on(self, side: Side) -> "Topology":
        """The same as one commit has it; of two, the base is the baseline."""
        return self.model_copy(
            update={
                "name": f"{self.name}-{side.commit}",
                "family": f"{self.family}-{side.commit}",
                "baseline": side.commit == "base",
                "side": side,
            }
        )

    @field_serializer("env", when_used="json")
    def _without_secrets(self, env: dict[str, str]) -> dict[str, str]:
        """What is written down, in a run folder or anywhere else, does not hold them."""
        return {name: REDACTED if is_secret(name) else value for name, value in env.items()}

    def filled(self, text: str, values: Mapping[str, object]) -> str:
        """``text`` with its placeholders replaced."""
        return text.format_map({"workers": self.workers, **values})


class TopologyTable(Table):
    """``[[topology]]`` as written: ``workers`` is a list, and each number in it makes a topology of its own, or
    "as found"."""

    name: str
    command: Words = Field(min_length=1)
    env: Variables = Field(default_factory=dict)
    pass_env: PassedNames = ()
    workers: Workers = None
    baseline: bool = False
    requires: Words = ()
    port: int | None = Field(default=None, ge=1, le=65535)

    @field_validator("name")
    @classmethod
    def _name_of_files(cls, name: str) -> str:
        check_placeholders([name], ("workers",))
        _NAMES.validate_python(name.format(workers=MAX_WORKERS))
        return name

    @field_validator("command")
    @classmethod
    def _known_placeholders(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        check_placeholders(command)
        return command

    @field_validator("env")
    @classmethod
    def _known_placeholders_in_env(cls, env: dict[str, str]) -> dict[str, str]:
        check_placeholders(env.values())
        return env

    @model_validator(mode="after")
    def _placeholders_have_values(self) -> Self:
        used = check_placeholders([*self.command, *self.env.values()])
        if "port" not in used and self.port is None:
            raise ValueError("expected {port} in command or env, or a fixed port = N")
        if "workers" in used | check_placeholders([self.name]) and not any(self._numbers):
            raise ValueError("expected workers = [N, ...], since {workers} is used")
        if len(self._numbers) > 1 and "workers" not in check_placeholders([self.name]):
            raise ValueError("expected {workers} in name, so that each number of workers has a name of its own")
        if self.baseline and len(self._numbers) > 1:
            raise ValueError("expected one topology as the baseline, got one for each number of workers")
        return self

    @property
    def _numbers(self) -> tuple[int | None, ...]:
        return (None,) if self.workers is None or self.workers == "as found" else self.workers

    def expanded(self) -> list[Topology]:
        """The topologies this table stands for."""
        rest = self.model_dump(exclude={"name", "workers"})
        family = self.name.format(workers="N")
        as_found = self.workers == "as found"
        return [
            Topology(
                name=self.name.format(workers=workers),
                family=family,
                workers=workers,
                workers_as_found=as_found,
                **rest,
            )
            for workers in self._numbers
        ]


def is_secret(name: str) -> bool:
    """Whether a variable of this name is likely to hold something that nobody else should know."""
    return _SECRET.search(name) is not None


def check_placeholders(texts: Iterable[str], known: Sequence[str] = PLACEHOLDERS) -> set[str]:
    """Return the names in braces. Raises ValueError, with what to write instead, for what nothing fills."""
    return {name for text in texts for name in _names_in(text, known)}


def _names_in(text: str, known: Sequence[str]) -> set[str]:
    """A brace that opens or closes nothing, a name that nothing fills, and what ``str.format`` could do beside filling
    one in are all refused alike: as braces that were meant as nothing but braces."""
    try:
        parts = [part[1:] for part in string.Formatter().parse(text)]
    except ValueError:
        parts = [(text, None, None)]
    if all(name is None or (name in known and not spec and not conversion) for name, spec, conversion in parts):
        return {name for name, _, _ in parts if name is not None}
    expected = ", ".join(f"{{{name}}}" for name in known)
    plain = escape_braces(text)
    instead = f": write {plain!r}" if len(plain) <= MOST_SHOWN else ""
    raise ValueError(
        f"expected placeholders among {expected}, got {text!r:.80}; where a brace is but a brace, double it{instead}"
    )


def escape_braces(text: str) -> str:
    """Return the text as a scenario has it: its placeholders stay what they are, every other brace is but a brace."""
    parts = _ONE_OF_THEM.split(text)
    parts[::2] = [part.replace("{", "{{").replace("}", "}}") for part in parts[::2]]
    return "".join(parts)


_NAMES: Final = TypeAdapter(Name)
