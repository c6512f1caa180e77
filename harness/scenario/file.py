"""The scenario file: TOML, read into one frozen and validated model. All its errors are reported at once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from harness.load.sources import RequestTable
from harness.scenario.command import PassedNames
from harness.scenario.event import Event
from harness.scenario.gate import GateTable
from harness.scenario.grid import CellValues, Grid
from harness.scenario.include import Location, ScenarioText, find_text, merge_texts, read_texts
from harness.scenario.load import LoadGrid, LoadTable, ScenarioLoad
from harness.scenario.malloc import Malloc, MallocChoice
from harness.scenario.placeholders import check_placeholders
from harness.scenario.problem import Problem, require_none
from harness.scenario.process import TopologyFile, TopologyProcess
from harness.scenario.service import Hook, Hooks, Service, check_services
from harness.scenario.table import MAX_NAME_LENGTH, DurationS, Name, Percent, ScenarioError, TomlTable, Words
from harness.scenario.topology import Side, Topology, TopologyTable
from harness.scenario.whole import find_bad_references, find_late_events
from harness.text import Printable
from harness.text.problems import describe_expected, format_value, key_of, reason
from harness.units.ranges import Amount, Count, PositiveAmount

PREPARED_WITH: Final = ("python", "harness_python", "root")
MAX_ROUNDS: Final = 10_000
MAX_SLICE_S: Final = 60.0  # longer ones take no drift of the machine out
MIN_SOAK_S: Final = 240.0  # half of it may be discarded, and fewer readings than 120 tell no growth
MAX_TOPOLOGIES: Final = 100  # no report could show more


def _parse_rounds(value: object) -> object:
    if value == "auto":
        return None
    if isinstance(value, str):
        instead = f": write rounds = {value}" if value.isdecimal() and len(value) < 6 else ""
        raise ValueError(f"expected a number of rounds or 'auto', got {format_value(value)}{instead}")
    return value


NumberOfRounds = Annotated[int, Field(ge=1, le=MAX_ROUNDS)]
Rounds = Annotated[
    NumberOfRounds | None, BeforeValidator(_parse_rounds, json_schema_input_type=NumberOfRounds | Literal["auto"])
]
SliceS = Annotated[
    Annotated[DurationS, Field(gt=0, le=MAX_SLICE_S)] | None,
    BeforeValidator(lambda value: None if value == "auto" else value, json_schema_input_type=str | float),
]
SoakS = Annotated[Annotated[DurationS, Field(ge=MIN_SOAK_S)] | None, Field()]
Interleave = Literal["auto", "turns", "slices", "trials", "both"]
Race = Literal["auto", "on", "off"]
FEW_CELLS: Final = 6  # of a grid: a comparison of no more is small enough to be made in full


class PublishedRun(TomlTable):
    """A wrk run of a topology of this name that somebody published. Reports set it beside what was measured."""

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
    """The settings that the file and the resolved scenario have in common.

    ``prepare`` is the command that makes a commit's checkout ready to run. It is given the caller's variables that
    ``prepare_pass_env`` names, which no server gets.

    With ``rounds`` None ("auto" in a file), rounds are added until the first sentence of the report is decided or, with
    a ``precision``, until every verdict is settled or its interval is within that, or until ``max_time`` is spent.
    Differences within ±``margin`` count as none. More workers are recommended where twice as many serve at least
    ``worth`` more.

    With ``interleave`` "slices", all topologies of a round are up at once, and the load alternates between them in
    slices of ``slice_s``, or as short as the answers allow where that is None ("auto" in a file); with "turns", slices
    of all are measured at the same time, in turns of milliseconds between which they are stopped; with "trials", they
    are up and loaded one after the other; with "both", each round is of slices or of whole trials, in turn. "auto"
    takes turns of two commits, or else slices, wherever they are sound. Topologies that share something that one of
    them changes for another, such as a database, need "trials".

    With ``race`` "on", topologies that are shown to be behind the best one get no more rounds; "auto" is "on" for a
    grid of two axes or more and of more than six cells (over each number of connections), with automatic rounds and
    without gates, which ask for a verdict on each.

    With ``soak_s`` each trial has one window of so long, whole, in a single round unless there are to be more, and the
    growth of the memory of its workers is told.

    ``services`` run beside the servers, and ``hooks`` are run at certain moments; neither is measured. ``events`` are
    carried out in the measured window of each trial, and what they cost is measured.

    Some servers replace workers within the window, by their settings, as they do in production too. Unless
    ``workers_may_change``, such a trial does not count.
    """

    name: Name
    rounds: Rounds = None
    precision: Percent | None = None
    margin: Percent = 0.02
    worth: Percent = 0.1
    max_time_s: DurationS = Field(default=600.0, alias="max_time", gt=0)
    interleave: Interleave = "auto"
    race: Race = "auto"
    slice_s: SliceS = Field(default=None, alias="slice")
    soak_s: SoakS = Field(default=None, alias="soak")
    start_timeout_s: DurationS = Field(default=20.0, alias="start_timeout", gt=0)
    workers_may_change: bool = True
    prepare: Words = ()
    prepare_pass_env: PassedNames = ()
    gate: GateTable = GateTable()
    services: Annotated[tuple[Service, ...], Field(strict=False), AfterValidator(check_services)] = Field(
        default=(), alias="service"
    )
    hooks: Hooks = Hooks()
    events: Annotated[tuple[Event, ...], Field(strict=False)] = Field(default=(), alias="event")
    documented: Annotated[tuple[PublishedRun, ...], Field(strict=False)] = ()

    @field_validator("prepare")
    @classmethod
    def _check_prepare(cls, prepare: tuple[str, ...]) -> tuple[str, ...]:
        check_placeholders(prepare, PREPARED_WITH)
        return prepare


class Scenario(_Settings):
    """A comparison with all files read and all topologies expanded. Exactly one topology is the baseline. Where the
    topologies are pairs, of two commits or two mallocs, the first of each is the baseline of the second; in a sweep
    there is a baseline for each number of connections."""

    load: ScenarioLoad
    topologies: Annotated[tuple[Topology, ...], Field(strict=False, min_length=1)]

    @property
    def baseline(self) -> Topology:
        """The topology that the others are compared with; of several groups, that of the first."""
        return next(topology for topology in self.topologies if topology.baseline)

    @property
    def is_of_two_commits(self) -> bool:
        """True if each topology is compared with itself at another commit."""
        return self.topologies[0].side is not None

    @property
    def is_of_two_mallocs(self) -> bool:
        """True if each topology is compared with its twin, which differs in malloc alone."""
        return self.topologies[-1].twin_of is not None

    @property
    def is_of_pairs(self) -> bool:
        """True if each topology is compared with itself, at another commit or with another malloc."""
        return self.is_of_two_commits or self.is_of_two_mallocs

    @property
    def reference(self) -> str:
        """The name of what topologies are compared with: the baseline's, or that of the first side of all pairs."""
        if self.is_of_two_commits:
            return "base"
        if self.is_sweep:
            return self.baseline.series or self.baseline.name
        return "default malloc" if self.is_of_two_mallocs else self.baseline.name

    @property
    def is_sweep(self) -> bool:
        """True if topologies are loaded over several numbers of connections."""
        return self.topologies[0].connections is not None

    @property
    def groups(self) -> tuple[tuple[Topology, ...], ...]:
        """The topologies that are compared with each other, of which one is the baseline: all, those of each pair or,
        in a sweep, those over as many connections."""
        if self.is_of_pairs:
            return tuple(zip(self.topologies[::2], self.topologies[1::2], strict=True))
        levels = dict.fromkeys(topology.connections for topology in self.topologies)
        return tuple(tuple(each for each in self.topologies if each.connections == level) for level in levels)

    @property
    def pairs(self) -> tuple[tuple[Topology, Topology], ...]:
        """The pairs of topologies that are compared: the baseline of their group comes first."""
        return tuple(
            (next(each for each in group if each.baseline), topology)
            for group in self.groups
            for topology in group
            if not topology.baseline
        )

    @property
    def baseline_of(self) -> dict[str, Topology]:
        """The baseline of each topology that is compared with one, by its name."""
        return {topology.name: baseline for baseline, topology in self.pairs}

    def load_of(self, topology: Topology) -> ScenarioLoad:
        """Return the load that the topology is offered."""
        return self.load if topology.connections is None else self.load.over(topology.connections)

    @property
    def is_race(self) -> bool:
        """True if topologies that are shown to be behind get no more rounds. Pairs never race: each is asked for."""
        if self.race == "auto":
            is_large = any(map(_has_large_grid, self.groups))
            return is_large and self.rounds is None and not self.is_of_pairs and not self.gate.fail_on
        return self.race == "on" and not self.is_of_pairs

    @property
    def passed_to_prepare(self) -> tuple[str, ...]:
        """The names of the caller's variables that ``prepare`` is given: its own, and those that the servers get."""
        servers = (name for topology in self.topologies for name in topology.pass_env)
        return tuple(sorted({*self.prepare_pass_env, *servers}))

    def with_slice(self, slice_s: float | None) -> "Scenario":
        """Return the scenario with slices of this length (seconds)."""
        return self.model_copy(update={"slice_s": slice_s})

    def with_window(self, duration_s: float) -> "Scenario":
        """Return the scenario with another duration of the measured window (seconds)."""
        return self.model_copy(update={"load": self.load.model_copy(update={"duration_s": duration_s})})

    def with_time(self, max_time_s: float) -> "Scenario":
        """Return the scenario with another time for automatic rounds (seconds)."""
        return self.model_copy(update={"max_time_s": max_time_s})

    def with_lanes(self, lanes: int) -> "Scenario":
        """Return the scenario with the time that so many lanes of rounds have together, where each has the whole."""
        return self.with_time(lanes * self.max_time_s)

    def on_two_commits(self, base: Path, head: Path) -> "Scenario":
        """Return the comparison of every topology with itself, run from the folders of both commits."""
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

    def with_malloc(self, malloc: MallocChoice) -> Self:
        """Return the scenario with this malloc for every topology; with "both", the comparison of every topology with
        its twin, whose malloc keeps its memory.

        Raises ScenarioError where variables of a topology contradict that, or a twin can't have its name.
        """
        try:
            if malloc == "both":
                return self._with_twins()
            return self.with_topologies(tuple(topology.with_malloc(malloc) for topology in self.topologies))
        except ValueError as error:
            raise ScenarioError(str(error)) from error

    def _with_twins(self) -> Self:
        topologies = tuple(each for topology in self.topologies for each in topology.with_twin())
        names = Counter(topology.name for topology in topologies)
        if unfit := [name for name, times in names.items() if times > 1 or len(name) > MAX_NAME_LENGTH]:
            raise ValueError(
                f"no name is left for what keeps its memory: {', '.join(unfit)} is taken, or longer than"
                f" {MAX_NAME_LENGTH} characters"
            )
        return self.with_topologies(topologies)

    def only(self, names: Iterable[str]) -> "Scenario":
        """Return the scenario with these topologies alone; of a sweep, also those of these series. If the baseline is
        not among them, the first takes its place.

        Raises ScenarioError listing every name that is not in the scenario.
        """
        wanted = set(names)
        known = dict.fromkeys(topology.series or topology.name for topology in self.topologies)
        if unknown := sorted(wanted - {*known, *(topology.name for topology in self.topologies)}):
            raise ScenarioError(f"no topology named {', '.join(unknown)}; there are: {', '.join(known)}")
        kept = [topology for topology in self.topologies if wanted & {topology.name, topology.series}]
        return self.model_copy(update={"topologies": _with_baselines(kept)})

    def with_gates(self, gate: GateTable) -> Self:
        """Return the same scenario with other gates."""
        return self.model_copy(update={"gate": gate})

    def with_load(self, load: ScenarioLoad) -> Self:
        """Return the same scenario with another load."""
        return self.model_copy(update={"load": load})

    def with_topologies(self, topologies: tuple[Topology, ...]) -> Self:
        """Return the same scenario with other topologies."""
        return self.model_copy(update={"topologies": topologies})


class ScenarioFile(_Settings):
    """The scenario as it is written in TOML. ``include`` are the files whose tables are merged into it, which has been
    done. ``malloc`` holds for every topology that has none of its own."""

    include: Words = ()
    malloc: Malloc = "default"
    load: LoadTable = LoadTable()
    topology: Annotated[tuple[TopologyTable, ...], Field(strict=False)]

    @field_validator("topology")
    @classmethod
    def _check_names_and_baseline(cls, tables: tuple[TopologyTable, ...]) -> tuple[TopologyTable, ...]:
        if not tables:
            raise ValueError("expected at least one [[topology]]")
        names = Counter(topology.name for table in tables for topology in table.expand())
        if names.total() > MAX_TOPOLOGIES:
            raise ValueError(f"expected at most {MAX_TOPOLOGIES} topologies, got {names.total():,}")
        if twice := [name for name, times in names.items() if times > 1]:
            raise ValueError(f"expected different names, got {', '.join(twice)} more than once")
        if twice := list(_find_names_of_several(tables)):
            raise ValueError(f"expected a name of its own for each table, got {'; '.join(twice)}")
        if sum(table.baseline for table in tables) > 1:
            raise ValueError("expected at most one baseline = true")
        return tables

    @field_validator("load")
    @classmethod
    def _check_stages(cls, load: LoadTable, others: ValidationInfo) -> LoadTable:
        if load.stages and others.data.get("soak_s") is not None:
            raise ValueError("expected stages or soak, not both: each says how long")
        return load

    def _find_unreadable(self, folder: Path) -> Iterator[Problem]:
        """Yield the files that tables name and that can't be used."""
        for number, table in enumerate(self.topology):
            try:
                table.read_files(folder)
            except ValueError as error:
                yield ("topology", number), str(error)
            if table.ca_file is not None and not (folder / table.ca_file).is_file():
                yield ("topology", number, "ca_file"), f"{folder / table.ca_file}: there is no such file"
        yield from self.load.find_unreadable(folder)

    def _make_topologies(self, folder: Path) -> list[Topology]:
        """Return the topologies of all tables. Raises ValidationError where one can't have its malloc."""
        made, problems = list[Topology](), list[Problem]()
        for number, table in enumerate(self.topology):
            try:
                expanded = table.read_files(folder).expand(folder)
                made += [topology.with_malloc(table.malloc or self.malloc) for topology in expanded]
            except ValueError as error:
                problems.append((("topology", number), str(error)))
        require_none(problems)
        return made

    def resolve(self, folder: Path) -> Scenario:
        """Return the scenario with one topology for each number of workers. The first is the baseline where none is
        named.

        Files that it names are read, relative to ``folder``. Raises ValidationError where some can't be used, or one
        table contradicts another.
        """
        references = find_bad_references(self.topology, self.hooks, self.events, self.services)
        require_none([*references, *self._find_unreadable(folder)])
        topologies = self._make_topologies(folder)
        if self.load.grid:
            topologies = _sweep(topologies, self.load.grid.connections)
        common = {field: getattr(self, field) for field in _Settings.model_fields}
        load = self.load.resolve(folder)
        if self.soak_s is not None:
            common |= {"rounds": self.rounds or 1, "interleave": "trials"}
            load = load.with_windows(load.warmup_s, self.soak_s)
        unknown = [(("gate", "fail_on"), reason) for reason in self.gate.unknown_requests(load.kinds)]
        require_none([*find_late_events(self.events, load.duration_s), *unknown])
        return Scenario.model_construct(**common, load=load, topologies=_with_baselines(topologies))


def load_scenario(path: Path, overrides: Mapping[str, object] | None = None) -> Scenario:
    """Read and check a scenario file. ``overrides`` replace values by dotted key, such as ``load.duration``.

    Raises ScenarioError with every reason at once, each with its key and, where that is known, its line.
    """
    texts = read_texts(path)
    tables = merge_texts(texts)
    for key, value in (overrides or {}).items():
        _override(texts, tables, key.split("."), value)
    try:
        return ScenarioFile.model_validate(tables).resolve(path.parent)
    except ValidationError as error:
        problems = [_format_problem(texts, problem, overrides or {}) for problem in error.errors()]
        raise ScenarioError("\n".join(problems)) from error


def _override(texts: Sequence[ScenarioText], tables: dict[str, Any], keys: Sequence[str], value: object) -> None:
    """Set the value of a key in the merged tables. Raises ScenarioError where what it is in is no table."""
    table = tables
    for depth, parent in enumerate(keys[:-1], start=1):
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            said = f"expected a table, since {keys[-1]} of it is given, got {format_value(table)}"
            raise ScenarioError(_format_reason(*find_text(texts, tuple(keys[:depth])), said, {}))
    table[keys[-1]] = value


def _format_problem(texts: Sequence[ScenarioText], problem: ErrorDetails, overrides: Mapping[str, object]) -> str:
    text, location = find_text(texts, problem["loc"])
    return _format_reason(text, location, describe_expected(problem, _keys_for(location)), overrides)


def _format_reason(text: ScenarioText, location: Location, said: str, overrides: Mapping[str, object]) -> str:
    """Return what is said of a location in a file, with the file, the line and the key."""
    line, key = text.find_line(location, overrides), key_of(location) or "scenario"
    where = text.path if line is None else f"{text.path}:{line}"
    return f"{where}: {reason(f'{key}: {said}')}"


def _find_names_of_several(tables: Sequence[TopologyTable]) -> Iterator[str]:
    """Yield each name that several tables have, with their places: their cells would be those of one grid."""
    places: dict[str, list[str]] = {}
    for number, table in enumerate(tables):
        places.setdefault(table.name, []).append(f"topology[{number}]")
    yield from (f"{name} in {' and '.join(each)}" for name, each in places.items() if len(each) > 1)


def _has_large_grid(topologies: Sequence[Topology]) -> bool:
    """Check whether any grid of two axes or more has too many cells for a comparison in full."""
    grids: dict[str, list[CellValues]] = {}
    for cell in (each.cell for each in topologies if each.cell):
        grids.setdefault(cell.grid, []).append(cell.values)
    return any(len(cells) > FEW_CELLS and _count_axes(cells) > 1 for cells in grids.values())


def _count_axes(cells: Sequence[CellValues]) -> int:
    """Return the number of axes on which the cells differ."""
    return sum(len({cell[axis] for cell in cells}) > 1 for axis in cells[0])


def _sweep(topologies: Sequence[Topology], connections: Sequence[int]) -> list[Topology]:
    """Return each topology once for each number of connections. Raises ValidationError for too many."""
    number, place = len(topologies) * len(connections), ("load", "grid", "connections")
    if number > MAX_TOPOLOGIES:
        said = f"{len(topologies)} of {len(connections)} numbers of connections each, {number:,}"
        require_none([(place, f"expected at most {MAX_TOPOLOGIES} topologies, got {said}")])
    swept = [topology.over(number) for number in connections for topology in topologies]
    if long := [each.name for each in swept if len(each.name) > MAX_NAME_LENGTH]:
        require_none([(place, f"expected names of at most {MAX_NAME_LENGTH} characters, got {long[0]}")])
    return swept


def _with_baselines(topologies: Sequence[Topology]) -> tuple[Topology, ...]:
    """Return the topologies, of which the first over as many connections is the baseline where none is named."""
    named = {topology.connections for topology in topologies if topology.baseline}
    first = {topology.connections: topology.name for topology in reversed(topologies)}
    unnamed = {name for connections, name in first.items() if connections not in named}
    return tuple(
        topology.model_copy(update={"baseline": True}) if topology.name in unnamed else topology
        for topology in topologies
    )


def _keys_for(location: tuple[int | str, ...]) -> dict[str, str]:
    """Return the keys of the table where this key stands (with an empty text), and the keys of other tables with the
    place of their table."""
    names = tuple(part for part in location[:-1] if isinstance(part, str))
    table = names if names in TABLES else ()
    elsewhere = {key: _describe_place(other) for other, keys in reversed(TABLES.items()) for key in keys}
    return elsewhere | dict.fromkeys(TABLES[table], "")


def _describe_place(table: tuple[str, ...]) -> str:
    if not table:
        return "at the top of the file, before the first table"
    is_list = table in LISTS
    return f"in [[{'.'.join(table)}]]" if is_list else f"in [{'.'.join(table)}]"


def _keys_of(table: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in table.model_fields.items())


LISTS: Final = {
    ("topology",), ("topology", "process"), ("topology", "file"), ("load", "request"), ("documented",), ("service",),
    ("event",),
}  # fmt: skip
TABLES: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    (): _keys_of(ScenarioFile),
    ("load",): _keys_of(LoadTable),
    ("load", "grid"): _keys_of(LoadGrid),
    ("topology",): _keys_of(TopologyTable),
    ("topology", "grid"): _keys_of(Grid),
    ("topology", "process"): _keys_of(TopologyProcess),
    ("topology", "file"): _keys_of(TopologyFile),
    ("gate",): _keys_of(GateTable),
    ("service",): _keys_of(Service),
    ("hooks",): _keys_of(Hooks),
    ("event",): _keys_of(Event),
    **{("hooks", name): _keys_of(Hook) for name in Hooks.model_fields},
    ("load", "request"): _keys_of(RequestTable),
    ("documented",): _keys_of(PublishedRun),
}
