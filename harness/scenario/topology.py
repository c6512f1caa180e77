"""Topologies, ways to run the server: ``[[topology]]`` as written, and one topology for each number of workers."""

import ipaddress
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    GetPydanticSchema,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import core_schema

from harness.scenario.command import Command, Cwd, PassedNames, VariableNames, Variables, check_public_names
from harness.scenario.malloc import Malloc, malloc_variables
from harness.scenario.placeholders import KNOWN_IN_ENV, check_placeholders, fill
from harness.scenario.table import NAME, Name, TomlTable, Words

LOOPBACK: Final = "127.0.0.1"
MAX_WORKERS: Final = 1024


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


class Side(TomlTable):
    """The commit, of two, that a topology runs. ``of`` is the topology's name in the scenario, ``root`` the folder of
    the commit's checkout."""

    commit: Literal["base", "head"]
    of: Name
    root: str


class Topology(Listening):
    """One way to run the server.

    ``workers`` is the declared number of workers, None for a single process and with ``workers_as_found``, where they
    are counted in the run. Clusters that differ in that number alone are of one ``family``.

    ``command`` and the values of ``env`` may hold placeholders: {python}, the Python on the caller's PATH;
    {harness_python}, that of the harness; {host}, {port}, {unix_socket} and {workers}; and {root}, the folder where the
    harness was called or, on one ``side``, that of the commit. The command runs in the folder ``cwd`` of it. The values
    of ``env`` may hold {env:NAME} too, a variable of the caller. The server's environment is ``env``, the caller's
    variables that ``pass_env`` names, and a few that every program needs. ``public_env`` names the variables in ``env``
    whose values may be written down. With ``malloc`` "keep", glibc's malloc keeps the memory that the server frees
    instead of giving it back to the kernel: see :mod:`harness.scenario.malloc`.
    ``twin_of`` names the topology that differs in ``malloc`` alone, and with which this one is compared.
    """

    name: Name
    family: str = Field(pattern=NAME)
    command: Command
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
    """The table ``[[topology]]`` as written. ``workers`` is a list of numbers, each of which makes a topology of its
    own, or "as found". ``malloc`` is the whole run's where it is None."""

    name: str
    command: Command
    cwd: Cwd = "."
    env: Variables = Field(default_factory=dict)
    pass_env: PassedNames = ()
    public_env: VariableNames = ()
    malloc: Malloc | None = None
    workers: Workers = None
    baseline: bool = False
    requires: Words = ()

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        check_placeholders([name], ("workers",))
        _NAMES.validate_python(fill(name, {"workers": MAX_WORKERS}))
        return name

    @model_validator(mode="after")
    def _check_public_env(self) -> Self:
        check_public_names(self.public_env, self.env)
        return self

    @model_validator(mode="after")
    def _check_placeholder_values(self) -> Self:
        used = placeholders_of(self)
        if used.isdisjoint({"port", "unix_socket"}) and self.port is None and self.unix_socket is None:
            raise ValueError(
                "expected {port} in command or env, or a fixed port = N; for a Unix socket {unix_socket}, or a fixed"
                " unix_socket = PATH"
            )
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

    def expand(self, folder: Path = Path()) -> list[Topology]:
        """Return the topologies that this table stands for. ``ca_file`` is relative to ``folder``; ``malloc`` is left
        to the whole run, which may have one for those without."""
        rest = self.model_dump(exclude={"name", "workers", "malloc"})
        if self.ca_file is not None:
            rest["ca_file"] = str((folder / self.ca_file).absolute())
        family = fill(self.name, {"workers": "N"})
        as_found = self.workers == "as found"
        return [
            Topology(
                name=fill(self.name, {"workers": workers}),
                family=family,
                workers=workers,
                workers_as_found=as_found,
                **rest,
            )
            for workers in self._numbers
        ]


def placeholders_of(topology: Topology | TopologyTable) -> set[str]:
    """Return the names in braces in the topology's command and in the values of its env."""
    return check_placeholders([*topology.command, *topology.env.values()], KNOWN_IN_ENV)


_NAMES: Final = TypeAdapter(Name)
