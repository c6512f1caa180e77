"""The scenario file: what is compared and how. TOML in, one frozen and validated model out, all errors at once."""

import string
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from harness.units import parse_duration_s

PLACEHOLDERS: Final = ("python", "host", "port", "workers")
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"  # also the name of files
MAX_CONNECTIONS: Final = 100_000
MAX_WORKERS: Final = 1024


class ScenarioError(Exception):
    """The scenario can't be used. The message holds every reason, a line each, with file and key."""


def _duration_s(value: object) -> object:
    return parse_duration_s(value) if isinstance(value, str) else value


DurationS = Annotated[float, BeforeValidator(_duration_s)]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\t -~\u{a0}-\u{ff}]*$")]
Words = Annotated[tuple[str, ...], Field(strict=False)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class LoadTable(_Table):
    """``[load]``: what every topology is offered, a closed loop of connections dealt to groups ("threads")."""

    path: str = Field(default="/", pattern=r"^/[!-~]*$")
    method: str = Field(default="GET", pattern=r"^[A-Z]+$")
    headers: dict[HeaderName, HeaderValue] = {}
    body: str = ""
    connections: int = Field(default=40, ge=1, le=MAX_CONNECTIONS)
    threads: int = Field(default=20, ge=1)
    warmup_s: DurationS = Field(default=1.0, alias="warmup", ge=0)
    duration_s: DurationS = Field(default=3.0, alias="duration", gt=0)
    timeout_s: DurationS = Field(default=2.0, alias="timeout", gt=0)

    @model_validator(mode="after")
    def _groups_are_not_empty(self) -> Self:
        if self.threads > self.connections:
            raise ValueError(f"expected threads <= connections, got {self.threads} > {self.connections}")
        return self


class Topology(_Table):
    """One way to run the server. ``workers`` is None for one that is not a cluster; clusters that differ in
    nothing but that are of one ``family``.

    ``command`` and the values of ``env`` may hold {python}, {host}, {port} and {workers}. ``port`` fixes the
    port for a server that can't be told one; otherwise every trial takes a free one.
    """

    name: str = Field(pattern=NAME, max_length=80)
    family: str
    command: Words = Field(min_length=1)
    env: dict[str, str] = {}
    workers: int | None = None
    baseline: bool = False
    requires: Words = ()
    port: int | None = Field(default=None, ge=1, le=65535)

    def filled(self, text: str, values: Mapping[str, object]) -> str:
        """``text`` with its placeholders replaced."""
        return text.format_map({"workers": self.workers, **values})


class TopologyTable(_Table):
    """``[[topology]]`` as written: ``workers`` is a list, and each number in it makes a topology of its own."""

    name: str = Field(min_length=1)
    command: Words = Field(min_length=1)
    env: dict[str, str] = {}
    workers: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_WORKERS)], ...], Field(strict=False)] | None = None
    baseline: bool = False
    requires: Words = ()
    port: int | None = Field(default=None, ge=1, le=65535)

    @field_validator("command")
    @classmethod
    def _known_placeholders(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        _placeholders(command)
        return command

    @field_validator("env")
    @classmethod
    def _known_placeholders_in_env(cls, env: dict[str, str]) -> dict[str, str]:
        _placeholders(env.values())
        return env

    @model_validator(mode="after")
    def _placeholders_have_values(self) -> Self:
        used = _placeholders([*self.command, *self.env.values()])
        if "port" not in used and self.port is None:
            raise ValueError("expected {port} in command or env, or a fixed port = N")
        if "workers" in used | _placeholders([self.name]) and not self.workers:
            raise ValueError("expected workers = [N, ...], since {workers} is used")
        if self.workers and len(self.workers) > 1 and "workers" not in _placeholders([self.name]):
            raise ValueError("expected {workers} in name, so that each number of workers has a name of its own")
        if self.workers and self.baseline and len(self.workers) > 1:
            raise ValueError("expected one topology as the baseline, got one for each number of workers")
        return self

    def expanded(self) -> list[Topology]:
        """The topologies this table stands for. Raises ValidationError where a name can't be used."""
        rest = self.model_dump(exclude={"name", "workers"})
        family = self.name.format(workers="N")
        return [
            Topology(name=self.name.format(workers=workers), family=family, workers=workers, **rest)
            for workers in (self.workers or (None,))
        ]


class Documented(_Table):
    """One published wrk run of a topology of this name; reports set it beside what was measured."""

    topology: str
    heading: str
    requests: int = Field(ge=0)
    duration_s: float = Field(gt=0)
    read_mib: float = Field(ge=0)
    requests_per_s: float = Field(gt=0)
    transfer_mib_per_s: float = Field(ge=0)
    latency_mean_ms: float = Field(ge=0)
    latency_stdev_ms: float = Field(ge=0)
    latency_max_ms: float = Field(ge=0)
    timeouts: int = Field(ge=0)


class _Comparison(_Table):
    """What the file and the resolved scenario have in common."""

    name: str = Field(pattern=NAME, max_length=80)
    rounds: int = Field(default=5, ge=1, le=10_000)
    start_timeout_s: DurationS = Field(default=20.0, alias="start_timeout", gt=0)
    load: LoadTable = LoadTable()
    documented: Annotated[tuple[Documented, ...], Field(strict=False)] = ()


class Scenario(_Comparison):
    """A whole comparison, resolved: exactly one of the topologies is the baseline."""

    topologies: Annotated[tuple[Topology, ...], Field(strict=False)]

    @property
    def baseline(self) -> Topology:
        """The topology that the others are compared with."""
        return next(topology for topology in self.topologies if topology.baseline)

    def only(self, names: Iterable[str]) -> "Scenario":
        """The same with these topologies alone; the first is the baseline if the baseline is not among them.

        Raises ScenarioError naming every name that is not in the scenario.
        """
        wanted = set(names)
        known = [topology.name for topology in self.topologies]
        if unknown := sorted(wanted - set(known)):
            raise ScenarioError(f"no topology named {', '.join(unknown)}; there are: {', '.join(known)}")
        kept = [topology for topology in self.topologies if topology.name in wanted]
        return self.model_copy(update={"topologies": _with_baseline(kept)})


class ScenarioFile(_Comparison):
    """A scenario as written in TOML."""

    topology: Annotated[tuple[TopologyTable, ...], Field(strict=False)]

    @field_validator("topology")
    @classmethod
    def _names_and_baseline(cls, tables: tuple[TopologyTable, ...]) -> tuple[TopologyTable, ...]:
        if not tables:
            raise ValueError("expected at least one [[topology]]")
        names = Counter(topology.name for table in tables for topology in table.expanded())
        if twice := [name for name, times in names.items() if times > 1]:
            raise ValueError(f"expected different names, got {', '.join(twice)} more than once")
        if sum(table.baseline for table in tables) > 1:
            raise ValueError("expected at most one baseline = true")
        return tables

    def resolved(self) -> Scenario:
        """One topology for each number of workers; the first is the baseline when none is named."""
        topologies = [topology for table in self.topology for topology in table.expanded()]
        common = {field: getattr(self, field) for field in _Comparison.model_fields}
        return Scenario.model_construct(**common, topologies=_with_baseline(topologies))


def load_scenario(path: Path, overrides: Mapping[str, object] | None = None) -> Scenario:
    """Read and check a scenario file. ``overrides`` replace values by dotted key, such as ``load.duration``.

    Raises ScenarioError with every reason at once.
    """
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not TOML: {error}") from error
    for key, value in (overrides or {}).items():
        *parents, last = key.split(".")
        table = tables
        for parent in parents:
            table = table.setdefault(parent, {})
        table[last] = value
    try:
        return ScenarioFile.model_validate(tables).resolved()
    except ValidationError as error:
        reasons = [f"{path}: {_key(problem['loc'])}: {_expected(problem)}" for problem in error.errors()]
        raise ScenarioError("\n".join(reasons)) from error


def _with_baseline(topologies: list[Topology]) -> tuple[Topology, ...]:
    if not any(topology.baseline for topology in topologies):
        topologies = [topologies[0].model_copy(update={"baseline": True}), *topologies[1:]]
    return tuple(topologies)


def _placeholders(texts: Iterable[str]) -> set[str]:
    """The names in braces. Raises ValueError for one that nothing fills."""
    names = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    if unknown := sorted(names - set(PLACEHOLDERS)):
        expected = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"expected placeholders among {expected}, got {', '.join(f'{{{n}}}' for n in unknown)}")
    return names


def _key(location: tuple[int | str, ...]) -> str:
    """``("topology", 0, "workers", 1)`` as ``topology[0].workers[1]``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "scenario"


def _expected(problem: ErrorDetails) -> str:
    if problem["type"] == "extra_forbidden":
        return f"unknown key; expected one of {', '.join(_keys_beside(problem['loc']))}"
    if problem["type"] == "missing":
        return "expected, but missing"
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    message = problem["msg"].replace("Input should be", "expected").replace("String should", "expected to")
    return f"{message.replace('a valid tuple', 'a list')}, got {problem['input']!r:.80}"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    tables: dict[str, type[_Table]] = {"load": LoadTable, "topology": TopologyTable, "documented": Documented}
    table = tables.get(str(location[0]), ScenarioFile) if len(location) > 1 else ScenarioFile
    return [field.alias or name for name, field in table.model_fields.items()]
