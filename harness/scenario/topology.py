"""Topologies, ways to run the server: ``[[topology]]`` as written, and one topology for each cell of its grid."""

import ipaddress
import math
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetPydanticSchema,
    TypeAdapter,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import core_schema

from harness.scenario.command import (
    Cwd,
    PassedNames,
    VariableName,
    VariableNames,
    Variables,
    check_command,
    check_public_names,
    check_variables,
)
from harness.scenario.grid import REPLICAS, WORKERS, Cell, CellValue, CellValues, Grid, name_cell
from harness.scenario.load import NumberOfConnections
from harness.scenario.malloc import Malloc, malloc_variables
from harness.scenario.placeholders import KNOWN_IN_COMMANDS, KNOWN_IN_ENV, check_placeholders, files_of, fill, fill_some
from harness.scenario.process import Balance, TopologyFile, TopologyProcess
from harness.scenario.table import MAX_WORKERS, NAME, Name, TomlTable, Words
from harness.text.problems import format_value
from harness.units import parse_size_bytes, size_text

LOOPBACK: Final = "127.0.0.1"
MIN_CPUS: Final = 0.01  # the least quota that the kernel takes, of a period of 100 ms
MIN_MEMORY_BYTES: Final = 4 * 2**20
IN_IMAGES: Final = ("root", "workers", "replicas")  # the placeholders of an image's name, beside the axes of a grid
_AS_WRITTEN: Final = {
    "host", "port", "unix_socket", "scheme", "cwd", "pass_env", "public_env", "balance", "cpus", "memory_bytes",
    "baseline", "requires",
}  # fmt: skip


def _parse_memory(value: object) -> object:
    size_bytes = parse_size_bytes(value) if isinstance(value, str) else value
    if isinstance(size_bytes, bool) or not isinstance(size_bytes, int | float):
        size_bytes = 0
    if not MIN_MEMORY_BYTES <= size_bytes < math.inf:
        raise ValueError(f"expected at least {size_text(MIN_MEMORY_BYTES)}, such as '512MB', got {format_value(value)}")
    return round(size_bytes)


Image = Annotated[str, Field(min_length=1)]
CpuLimit = Annotated[float, Field(ge=MIN_CPUS, le=MAX_WORKERS)]
MemoryLimit = Annotated[int, BeforeValidator(_parse_memory, json_schema_input_type=str | int)]
AsFound = Literal["as found"]
NumberOfWorkers = Annotated[int, Field(ge=1, le=MAX_WORKERS)]
WorkerNumbers = Annotated[tuple[NumberOfWorkers, ...], Field(strict=False)]


def _check_workers(workers: object, validate: ValidatorFunctionWrapHandler) -> object:
    if workers == "as found" or workers is None:
        return workers
    if isinstance(workers, str) or workers == []:
        raise ValueError(f"expected a list of numbers such as [1, 2, 4], or 'as found', got {workers!r:.60}")
    return validate(workers)


# Not as pydantic's union, which reports an error in a number twice.
Workers = Annotated[
    WorkerNumbers | AsFound | None,
    GetPydanticSchema(
        lambda _, schema_of: core_schema.no_info_wrap_validator_function(
            _check_workers,
            schema_of.generate_schema(WorkerNumbers),
            json_schema_input_schema=schema_of.generate_schema(WorkerNumbers | AsFound),
        )
    ),
]


def _check_host(host: str) -> str:
    """Return the host. Raises ValueError for one that is no address of this machine."""
    try:
        address = ipaddress.ip_address(host)
        is_here = address.is_loopback or address.is_unspecified
    except ValueError:
        is_here = host == "localhost"
    if not is_here:
        raise ValueError(
            f"expected an address of this machine such as '127.0.0.1', '::1' or 'localhost', got {host!r:.60}"
        )
    return host


Host = Annotated[str, AfterValidator(_check_host)]


class Listening(TomlTable):
    """The address and the scheme of a topology's server.

    ``host`` is the value of {host}. ``port`` fixes the port of a server whose port can't be set; otherwise every trial
    takes a free one. ``unix_socket`` fixes the path of a Unix socket, relative to the folder in which the command runs;
    where {unix_socket} is used instead, every trial takes a new one. With ``ca_file`` (PEM) the server's certificate is
    verified.
    """

    host: Host = LOOPBACK
    port: int | None = Field(default=None, ge=1, le=65535)
    unix_socket: str | None = Field(default=None, min_length=1)
    scheme: Literal["http", "https"] = "http"
    ca_file: str | None = None

    @model_validator(mode="after")
    def _check_addresses(self) -> Self:
        if self.port is not None and self.unix_socket is not None:
            raise ValueError("expected port or unix_socket, not both: one of them is loaded")
        if self.ca_file is not None and self.scheme != "https":
            raise ValueError('expected scheme = "https", since ca_file is for the certificate')
        return self


def _check_processes(
    processes: tuple[TopologyProcess, ...], known: Sequence[str] = KNOWN_IN_COMMANDS
) -> tuple[TopologyProcess, ...]:
    """Return the processes. Raises ValueError for braces in a command that nothing fills."""
    for process in processes:
        check_command(process.command, known)
    return processes


class Side(TomlTable):
    """The commit, of two, that a topology runs. ``of`` is the topology's name in the scenario, ``root`` the folder of
    the commit's checkout."""

    commit: Literal["base", "head"]
    of: Name
    root: str


class Topology(Listening):
    """One way to run the server.

    ``workers`` is the declared number of workers, None for a single process and with ``workers_as_found``, where they
    are counted in the run. Clusters that differ in that number alone are of one ``family``. ``cell`` is its place in a
    grid, where it is of one. Where the load is swept, it has ``connections`` of its own, and all that differ in these
    alone are of one ``series``.

    It is one ``command``, or several ``processes``. With an ``image``, the command runs in a container of it, and may
    be left to the image. With ``replicas``, so many of its command are started, each with a
    {port} of its own, and the generator deals its connections to them (``balance``). ``files`` are written for each
    trial. All its processes together get ``cpus`` cores' worth of CPU time, and ``memory_bytes``, where that is
    limited.

    Commands and the values of ``env`` may hold placeholders: {python}, the Python on the caller's PATH;
    {harness_python}, that of the harness; {host}, {port}, {unix_socket}, {workers} and {replicas}; {instance}, the
    number of a command among several alike; {folder}, a new folder of the trial; {file.NAME}; and {root}, the folder
    where the harness was called or, on one ``side``, that of the commit. Commands run in the folder ``cwd`` of it. The
    values of ``env`` may hold {env:NAME} too, a variable of the caller. The server's environment is ``env``, the
    caller's variables that ``pass_env`` names, and a few that every program needs. ``public_env`` names the variables
    in ``env`` whose values may be written down. With ``malloc`` "keep", glibc's malloc keeps the memory that the server
    frees instead of giving it back to the kernel: see :mod:`harness.scenario.malloc`. ``twin_of`` names the topology
    that differs in ``malloc`` alone, and with which this one is compared.
    """

    name: Name
    family: str = Field(pattern=NAME)
    cell: Cell | None = None
    series: Name | None = None
    connections: NumberOfConnections | None = None
    image: Image | None = None
    command: Annotated[Words, AfterValidator(check_command)] = ()
    processes: Annotated[tuple[TopologyProcess, ...], Field(strict=False), AfterValidator(_check_processes)] = ()
    files: Annotated[tuple[TopologyFile, ...], Field(strict=False)] = ()
    replicas: NumberOfWorkers | None = None
    balance: Balance = "round-robin"
    cpus: CpuLimit | None = None
    memory_bytes: MemoryLimit | None = Field(default=None, alias="memory")
    cwd: Cwd = "."
    env: Variables = Field(default_factory=dict)
    pass_env: PassedNames = ()
    public_env: VariableNames = ()
    malloc: Malloc = "default"
    workers: NumberOfWorkers | None = None
    workers_as_found: bool = False
    baseline: bool = False
    requires: Words = ()
    side: Side | None = None
    twin_of: Name | None = None

    @property
    def title(self) -> str:
        """The name for people; with two commits, the one that it has in the scenario."""
        return self.side.of if self.side else self.name

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        """The words of all its commands."""
        return tuple(process.command for process in self.processes) or (self.command,)

    @property
    def has_front(self) -> bool:
        """True if one of its processes is declared to stand before the others."""
        return any(process.role == "front" for process in self.processes)

    @property
    def listens_on_unix_socket(self) -> bool:
        """True if the load goes to a Unix socket, even if the server listens on a port too."""
        return self.unix_socket is not None or "unix_socket" in placeholders_of(self)

    def on(self, side: Side) -> "Topology":
        """Return the same topology at one of two commits, of which the base is the baseline."""
        return self.model_copy(
            update={
                "name": f"{self.name}-{side.commit}",
                "family": f"{self.family}-{side.commit}",
                "baseline": side.commit == "base",
                "side": side,
            }
        )

    def on_root(self, root: str) -> Self:
        """Return the same topology of a commit, whose checkout is in this folder."""
        assert self.side is not None, "it is of no commit"
        return self.model_copy(update={"side": self.side.model_copy(update={"root": root})})

    def over(self, connections: int) -> Self:
        """Return the same topology over so many connections, under a name that ends like wrk's option: ``-c64``."""
        return self.model_copy(
            update={
                "name": f"{self.name}-c{connections}",
                "family": f"{self.family}-c{connections}",
                "series": self.name,
                "connections": connections,
            }
        )

    def with_malloc(self, malloc: Malloc) -> Self:
        """Return the same topology with this malloc. Raises ValueError where its own variables contradict that."""
        if twice := sorted(malloc_variables(malloc).keys() & {*self.env, *self.pass_env}):
            raise ValueError(
                f'topology {self.name}: malloc = "keep" sets {" and ".join(twice)}, which env or pass_env has too:'
                " leave one of the two out"
            )
        return self.model_copy(update={"malloc": malloc})

    def with_twin(self) -> tuple[Self, Self]:
        """Return the topology with malloc as it comes, and its twin, whose malloc keeps its memory. Raises ValueError
        as :meth:`with_malloc` does."""
        changes = {"name": f"{self.name}-keep", "family": f"{self.family}-keep", "twin_of": self.name}
        return (
            self.with_malloc("default").model_copy(update={"baseline": True}),
            self.with_malloc("keep").model_copy(update={**changes, "baseline": False}),
        )

    def with_name(self, name: str) -> Self:
        """Return the same topology under another name, and not the baseline."""
        return self.model_copy(update={"name": name, "baseline": False})


class TopologyTable(Listening):
    """The table ``[[topology]]`` as written. Each cell of its ``grid`` makes a topology of its own. ``workers`` is a
    list of numbers, the axis of a grid that has no other, or one axis of the ``grid``, or "as found"; so is
    ``replicas``. ``malloc`` is the whole run's where it is None."""

    grid: Grid | None = None  # before the fields that may name its axes
    name: str
    process: Annotated[tuple[TopologyProcess, ...], Field(strict=False)] = ()
    image: Image | None = None
    command: Annotated[tuple[str, ...], Field(strict=False)] = Field(default=(), validate_default=True)
    file: Annotated[tuple[TopologyFile, ...], Field(strict=False)] = ()
    cwd: Cwd = "."
    env: dict[VariableName, str] = Field(default_factory=dict)
    pass_env: PassedNames = ()
    public_env: VariableNames = ()
    malloc: Malloc | None = None
    workers: Workers = None
    replicas: Annotated[WorkerNumbers, Field(min_length=1)] | None = None
    balance: Balance = "round-robin"
    cpus: CpuLimit | None = None
    memory_bytes: MemoryLimit | None = Field(default=None, alias="memory")
    baseline: bool = False
    requires: Words = ()

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str, others: ValidationInfo) -> str:
        if (axes := _axes_before(others)) is not None:
            known = tuple(dict.fromkeys((WORKERS, REPLICAS, *axes)))
            check_placeholders([name], known)
            _NAMES.validate_python(fill(name, dict.fromkeys(known, MAX_WORKERS)))
        return name

    @field_validator("command")
    @classmethod
    def _check_command(cls, words: tuple[str, ...], others: ValidationInfo) -> tuple[str, ...]:
        axes = _axes_before(others)
        is_of_image = bool(others.data.get("image")) and not words
        if "process" in others.data and bool(words) == bool(others.data["process"]) and not is_of_image:
            raise ValueError(f"expected {'either this' if words else 'a list of words'}, or [[topology.process]]")
        return words if axes is None else check_command(words, (*KNOWN_IN_COMMANDS, *axes))

    @field_validator("image")
    @classmethod
    def _check_image(cls, image: str | None, others: ValidationInfo) -> str | None:
        if image is not None and image.startswith("-"):
            raise ValueError(f"expected the name of an image, got {image!r:.60}")
        if image is not None and (axes := _axes_before(others)) is not None:
            check_placeholders([image], (*IN_IMAGES, *axes))
        return image

    @field_validator("process")
    @classmethod
    def _check_process(
        cls, processes: tuple[TopologyProcess, ...], others: ValidationInfo
    ) -> tuple[TopologyProcess, ...]:
        axes = _axes_before(others)
        return processes if axes is None else _check_processes(processes, (*KNOWN_IN_COMMANDS, *axes))

    @field_validator("env")
    @classmethod
    def _check_env(cls, variables: dict[str, str], others: ValidationInfo) -> dict[str, str]:
        axes = _axes_before(others)
        return variables if axes is None else check_variables(variables, (*KNOWN_IN_COMMANDS, *axes))

    @model_validator(mode="after")
    def _check_public_env(self) -> Self:
        check_public_names(self.public_env, self.env)
        return self

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.process and REPLICAS in self._axes:
            raise ValueError("expected replicas of one command, or [[topology.process]], not both")
        if self.process and all(each.role != "worker" for each in self.process):
            raise ValueError('expected at least one [[topology.process]] with role = "worker"')
        is_elsewhere = self.port is not None or self.unix_socket is not None or "unix_socket" in placeholders_of(self)
        if REPLICAS in self._axes and is_elsewhere:
            raise ValueError(
                "expected no fixed port and no unix_socket, since each of the replicas has a {port} of its own"
            )
        if "balance" in self.model_fields_set and REPLICAS not in self._axes:
            raise ValueError("expected replicas = [N, ...], to which balance deals the connections")
        if twice := [name for name, times in Counter(each.name for each in self.file).items() if times > 1]:
            raise ValueError(f"expected files of different names, got {', '.join(twice)} more than once")
        if unknown := sorted(files_of(placeholders_of(self)) - {each.name for each in self.file}):
            raise ValueError(f"expected a [[topology.file]] called {' and '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _check_container(self) -> Self:
        if self.image is None:
            return self
        if self.process:
            raise ValueError("expected image with one command at most, not with [[topology.process]]")
        if self.unix_socket is not None:
            raise ValueError("expected {unix_socket}, not a fixed unix_socket, which would be inside the container")
        if outside := sorted(placeholders_of(self) & {"python", "harness_python"}):
            raise ValueError(f"expected a program of the image, not {{{outside[0]}}}, which is one of this machine")
        return self

    @model_validator(mode="after")
    def _check_placeholder_values(self) -> Self:
        used = placeholders_of(self)
        if used.isdisjoint({"port", "unix_socket"}) and self.port is None and self.unix_socket is None:
            raise ValueError(
                "expected {port} in command or env, or a fixed port = N; for a Unix socket {unix_socket}, or a fixed"
                " unix_socket = PATH"
            )
        for axis, given in ((WORKERS, self.workers), (REPLICAS, self.replicas)):
            if self.grid and axis in self.grid.axes and given is not None:
                raise ValueError(f"expected {axis} in [topology.grid] or in [[topology]], not in both")
            if axis in used | check_placeholders([self.name], self._known) and axis not in self._axes:
                raise ValueError(f"expected {axis} = [N, ...], since {{{axis}}} is used")
        if WORKERS in self._axes and REPLICAS in self._axes:
            raise ValueError("expected workers or replicas, not both: each of the replicas is a single process")
        told = self._used_names
        if unknown := sorted(told - used - self._axes.keys()):
            raise ValueError(f"expected {unknown[0]} = [N, ...], since instances = '{{{unknown[0]}}}'")
        if not self.file:  # whose texts may name them, and are yet to be read
            self._check_axes_are_used(told)
        if self.baseline and len(self._cells) > 1:
            raise ValueError(f"expected one topology as the baseline, got one for each of {len(self._cells)} cells")
        return self

    def _check_axes_are_used(self, told: Collection[str]) -> None:
        """Raise ValueError where the values of an axis would all be the same server."""
        if unused := [axis for axis in self._axes if axis not in told and self._needs_placeholder(axis)]:
            where = "command, env or a file" if self.file else "command or env"
            of = "[topology.grid]" if self.grid and unused[0] in self.grid.axes else "the topology"
            raise ValueError(f"expected {{{unused[0]}}} in {where}, since {of} has {unused[0]}")

    def _needs_placeholder(self, axis: str) -> bool:
        """Return whether a command has to name the axis: the harness deals replicas itself, and a single number of
        workers is what somebody says of a command that has it in some other way."""
        return axis != REPLICAS and (axis != WORKERS or len(self._axes[axis]) > 1)

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for cell in self._cells:
            _NAMES.validate_python(name_cell(self.name, cell, self._axes))
        return self

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        """The words of all its commands, as they are written."""
        return tuple(process.command for process in self.process) or (self.command,)

    @property
    def _used_names(self) -> set[str]:
        """The names that its commands, its variables and its numbers of instances hold."""
        numbers = {each.instances.strip("{}") for each in self.process if isinstance(each.instances, str)}
        return placeholders_of(self) | numbers

    @property
    def _own_axes(self) -> dict[str, tuple[CellValue, ...]]:
        """The axes beside those of the grid."""
        workers = () if self.workers is None or self.workers == "as found" else self.workers
        return {axis: values for axis, values in ((WORKERS, workers), (REPLICAS, self.replicas)) if values}

    @property
    def _axes(self) -> dict[str, tuple[CellValue, ...]]:
        return {**(self.grid.axes if self.grid else {}), **self._own_axes}

    @property
    def _known(self) -> tuple[str, ...]:
        return tuple({WORKERS, REPLICAS, *self._axes})

    @property
    def _cells(self) -> list[dict[str, CellValue]]:
        cells = self.grid.cells if self.grid else [{}]
        return [
            {**cell, axis: value} for cell in cells for axis, values in self._own_axes.items() for value in values
        ] or [dict(cell) for cell in cells]

    def expand(self, folder: Path = Path()) -> list[Topology]:
        """Return the topologies that this table stands for. ``ca_file`` is relative to ``folder``; ``malloc`` is left
        to the whole run, which may have one for those without."""
        ca_file = None if self.ca_file is None else str((folder / self.ca_file).absolute())
        rest = self.model_dump(include=_AS_WRITTEN, by_alias=True) | {"ca_file": ca_file, "files": self.file}
        return [self._make_topology(cell, rest) for cell in self._cells]

    def read_files(self, folder: Path) -> Self:
        """Return the table with the texts of its files, relative to ``folder``. Raises ValueError where one can't be
        used, and for an axis of the grid that nothing names."""
        files = tuple(each.read(folder, self._axes) for each in self.file)
        self._check_axes_are_used(self._used_names.union(*(each.variables for each in files)))
        return self.model_copy(update={"file": files})

    def _make_topology(self, cell: CellValues, rest: dict[str, Any]) -> Topology:
        # {workers} and {replicas} are filled in a trial.
        own = {axis: value for axis, value in cell.items() if axis not in (WORKERS, REPLICAS)}
        of_family = {axis: "N" if axis in (WORKERS, REPLICAS) else value for axis, value in cell.items()}
        processes = tuple(each.with_words(_fill_words(each.command, own), cell) for each in self.process)
        instances = sum(each.instances for each in processes if each.role == "worker")
        is_several = instances > 1 and self.workers is None
        return Topology(
            name=name_cell(self.name, cell, self._axes),
            family=name_cell(self.name, of_family, self._axes),
            cell=Cell(grid=self.name, values=dict(cell)) if cell else None,
            image=None if self.image is None else fill_some(self.image, own),
            command=_fill_words(self.command, own),
            processes=processes,
            env={name: fill_some(value, own) for name, value in self.env.items()},
            workers=_number_on(cell, WORKERS) or _number_on(cell, REPLICAS) or (instances if is_several else None),
            replicas=_number_on(cell, REPLICAS),
            workers_as_found=self.workers == "as found",
            **rest,
        )


def _number_on(cell: CellValues, axis: str) -> int | None:
    value = cell.get(axis)
    return value if isinstance(value, int) else None


def _axes_before(others: ValidationInfo) -> tuple[str, ...] | None:
    """Return the axes of the grid, which is read before what names them; None where there is no telling, since the grid
    is not as it should be."""
    if "grid" not in others.data:
        return None
    grid: Grid | None = others.data["grid"]
    return tuple(grid.axes) if grid else ()


def placeholders_of(topology: Topology | TopologyTable) -> set[str]:
    """Return the names in braces in the topology's command, in its image and in the values of its env."""
    words = [word for command in topology.commands for word in command]
    axes = topology.grid.axes if isinstance(topology, TopologyTable) and topology.grid else ()
    return check_placeholders([*words, topology.image or "", *topology.env.values()], (*KNOWN_IN_ENV, *axes))


def _fill_words(words: tuple[str, ...], values: CellValues) -> tuple[str, ...]:
    return tuple(fill_some(word, values) for word in words)


_NAMES: Final = TypeAdapter(Name)
