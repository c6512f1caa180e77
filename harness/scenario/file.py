"""The scenario file: what is compared and how. TOML in, one frozen and validated model out, all errors at once."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from harness.load.sources import RequestTable
from harness.scenario.gate import GateTable
from harness.scenario.key_lines import KeyLines
from harness.scenario.load import LoadTable, ScenarioLoad
from harness.scenario.placeholders import check_placeholders
from harness.scenario.table import DurationS, Name, Percent, ScenarioError, TomlTable, Words
from harness.scenario.topology import PassedNames, Side, Topology, TopologyTable
from harness.text import Printable, read_utf8
from harness.text.problems import expected, key_of, reason, shown
from harness.units import size_text
from harness.units.ranges import Amount, Count, PositiveAmount

PREPARED_WITH: Final = ("python", "harness_python", "root")
MOST_ROUNDS: Final = 10_000
MOST_TOPOLOGIES: Final = 100  # more of them no report could show
MOST_BYTES: Final = 2**16  # of a file that people write; one key of so many parts takes TOML's parser two seconds


def _rounds(value: object) -> object:
    if value == "auto":
        return None
    if isinstance(value, str):
        instead = f": write rounds = {value}" if value.isdecimal() and len(value) < 6 else ""
        raise ValueError(f"expected a number of rounds or 'auto', got {shown(value)}{instead}")
    return value


Rounds = Annotated[Annotated[int, Field(ge=1, le=MOST_ROUNDS)] | None, BeforeValidator(_rounds)]


class Documented(TomlTable):
    """One published wrk run of a topology of this name; reports set it beside what was measured."""

    topology: str
    heading: Printable
    requests: Count
    duration_s: PositiveAmount
    read_mib: Amount
    requests_per_s: PositiveAmount
    transfer_mib_per_s: Amount
    latency_mean_ms: Amount
    latency_stdev_ms: Amount
    latency_max_ms: Amount
    timeouts: Count


class _Settings(TomlTable):
    """What the file and the resolved scenario have in common. ``prepare`` makes a commit's checkout ready to run, with
    the variables of the caller that ``prepare_pass_env`` names; no server gets them.

    With ``rounds`` None, which a file has as "auto", rounds are added until every verdict is settled or its interval is
    within ``precision``, or ``max_time`` is spent. Differences within ±``margin`` make no difference. More workers are
    recommended where twice as many serve at least ``worth`` more. Workers that are
    replaced within the window, as a server's own settings would have it, are what it does in production too; unless
    ``workers_may_change``, such a trial does not count.
    """

    name: Name
    rounds: Rounds = None
    precision: Percent = 0.03
    margin: Percent = 0.02
    worth: Percent = 0.1
    max_time_s: DurationS = Field(default=600.0, alias="max_time", gt=0)
    start_timeout_s: DurationS = Field(default=20.0, alias="start_timeout", gt=0)
    workers_may_change: bool = True
    prepare: Words = ()
    prepare_pass_env: PassedNames = ()
    gate: GateTable = GateTable()
    documented: Annotated[tuple[Documented, ...], Field(strict=False)] = ()

    @field_validator("prepare")
    @classmethod
    def _known_placeholders(cls, prepare: tuple[str, ...]) -> tuple[str, ...]:
        check_placeholders(prepare, PREPARED_WITH)
        return prepare


class Scenario(_Settings):
    """A whole comparison, resolved: exactly one of the topologies is the baseline or, of two commits, each of the
    base's is that of the head's which follows it."""

    load: ScenarioLoad
    topologies: Annotated[tuple[Topology, ...], Field(strict=False, min_length=1)]

    @property
    def baseline(self) -> Topology:
        """The topology that the others are compared with; of two commits, the first of the base's."""
        return next(topology for topology in self.topologies if topology.baseline)

    @property
    def is_of_two_commits(self) -> bool:
        """Whether each topology is compared with itself, as another commit has it."""
        return self.topologies[0].side is not None

    @property
    def pairs(self) -> tuple[tuple[Topology, Topology], ...]:
        """What is compared with what: the baseline, or the base's, first."""
        if self.is_of_two_commits:
            return tuple(zip(self.topologies[::2], self.topologies[1::2], strict=True))
        return tuple((self.baseline, topology) for topology in self.topologies if not topology.baseline)

    @property
    def passed_to_prepare(self) -> tuple[str, ...]:
        """The variables of the caller that ``prepare`` is given: its own, and those that a server of the same commit
        is given anyway."""
        servers = (name for topology in self.topologies for name in topology.pass_env)
        return tuple(sorted({*self.prepare_pass_env, *servers}))

    def on_two_commits(self, base: Path, head: Path) -> "Scenario":
        """The comparison of every topology with itself, from these two folders."""
        sides = {"base": str(base), "head": str(head)}
        return self.model_copy(
            update={
                "topologies": tuple(
                    topology.on(Side.model_validate({"commit": commit, "of": topology.name, "root": root}))
                    for topology in self.topologies
                    for commit, root in sides.items()
                )
            }
        )

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


class ScenarioFile(_Settings):
    """A scenario as written in TOML."""

    load: LoadTable = LoadTable()
    topology: Annotated[tuple[TopologyTable, ...], Field(strict=False)]

    @field_validator("topology")
    @classmethod
    def _names_and_baseline(cls, tables: tuple[TopologyTable, ...]) -> tuple[TopologyTable, ...]:
        if not tables:
            raise ValueError("expected at least one [[topology]]")
        names = Counter(topology.name for table in tables for topology in table.expanded())
        if names.total() > MOST_TOPOLOGIES:
            raise ValueError(f"expected at most {MOST_TOPOLOGIES} topologies, got {names.total():,}")
        if twice := [name for name, times in names.items() if times > 1]:
            raise ValueError(f"expected different names, got {', '.join(twice)} more than once")
        if sum(table.baseline for table in tables) > 1:
            raise ValueError("expected at most one baseline = true")
        return tables

    def resolved(self, folder: Path) -> Scenario:
        """One topology for each number of workers; the first is the baseline when none is named.

        Files that the load names are read, relative to ``folder``. Raises ValueError where one can't be used.
        """
        topologies = [topology for table in self.topology for topology in table.expanded(folder)]
        if missing := [each for each in topologies if each.ca_file is not None and not Path(each.ca_file).is_file()]:
            raise ValueError(f"topology {missing[0].name}: ca_file: {missing[0].ca_file}: there is no such file")
        common = {field: getattr(self, field) for field in _Settings.model_fields}
        load = self.load.resolved(folder)
        if reasons := self.gate.misnamed(load.kinds):
            raise ValueError("\n".join(f"gate.fail_on: {reason}" for reason in reasons))
        return Scenario.model_construct(**common, load=load, topologies=_with_baseline(topologies))


def load_scenario(path: Path, overrides: Mapping[str, object] | None = None) -> Scenario:
    """Read and check a scenario file. ``overrides`` replace values by dotted key, such as ``load.duration``.

    Raises ScenarioError with every reason at once, each with its key and, where that is known, its line.
    """
    text = _read(path)
    try:
        tables = tomllib.loads(text)
    except RecursionError as error:
        raise ScenarioError(f"{path}: nested too deeply") from error
    except tomllib.TOMLDecodeError as error:
        hint = "; text stands in quotes" if str(error).startswith("Invalid value") else ""
        raise ScenarioError(f"{path}: not TOML: {reason(str(error))}{hint}") from error
    except ValueError as error:
        raise ScenarioError(f"{path}: expected numbers of at most 4,300 digits, got more") from error
    for key, value in (overrides or {}).items():
        *parents, last = key.split(".")
        table: dict[str, Any] = tables
        for parent in parents:
            table = table.setdefault(parent, {})
        table[last] = value
    try:
        return ScenarioFile.model_validate(tables).resolved(path.parent)
    except ValidationError as error:
        lines = KeyLines(text, overrides or ())
        raise ScenarioError("\n".join(_reason(path, problem, lines) for problem in error.errors())) from error
    except ValueError as error:
        raise ScenarioError("\n".join(f"{path}: {reason(line)}" for line in str(error).splitlines())) from error


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ScenarioError(
                f"{path}: expected at most {size_text(MOST_BYTES)}, got {size_text(path.stat().st_size)}"
            )
        return read_utf8(path.read_bytes())
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ScenarioError(f"{path}: {error}") from error


def _reason(path: Path, problem: ErrorDetails, lines: KeyLines) -> str:
    location = problem["loc"]
    line, key = lines.find(location), key_of(location) or "scenario"
    where = path if line is None else f"{path}:{line}"
    return f"{where}: {reason(f'{key}: {expected(problem, _keys_for(location))}')}"


def _with_baseline(topologies: list[Topology]) -> tuple[Topology, ...]:
    if not any(topology.baseline for topology in topologies):
        topologies = [topologies[0].model_copy(update={"baseline": True}), *topologies[1:]]
    return tuple(topologies)


def _keys_for(location: tuple[int | str, ...]) -> dict[str, str]:
    """The keys of the table where this one stands, and those that only another has with where it is."""
    names = tuple(part for part in location[:-1] if isinstance(part, str))
    table = names if names in TABLES else ()
    elsewhere = {key: _place(other) for other, keys in reversed(TABLES.items()) for key in keys}
    return elsewhere | dict.fromkeys(TABLES[table], "")


def _place(table: tuple[str, ...]) -> str:
    if not table:
        return "at the top of the file, before the first table"
    is_list = table in (("topology",), ("load", "request"), ("documented",))
    return f"in [[{'.'.join(table)}]]" if is_list else f"in [{'.'.join(table)}]"


def _keys_of(table: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in table.model_fields.items())


TABLES: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    (): _keys_of(ScenarioFile),
    ("load",): _keys_of(LoadTable),
    ("topology",): _keys_of(TopologyTable),
    ("gate",): _keys_of(GateTable),
    ("load", "request"): _keys_of(RequestTable),
    ("documented",): _keys_of(Documented),
}
