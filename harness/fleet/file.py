"""The fleet file: the machines of a fleet, and the rigs into which they are put together."""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from harness.fleet.address import FleetError
from harness.load.cpus import parse_cpu_list
from harness.load.spec import is_loopback
from harness.scenario.load import check_processes
from harness.scenario.table import Name, TomlTable
from harness.text import read_utf8
from harness.text.problems import describe_expected, key_of

MAX_FILE_BYTES: Final = 2**18

Address = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9.:_-]+$")]
Port = Annotated[int, Field(ge=0, le=65535)]


def _check_cpus(text: str) -> str:
    parse_cpu_list(text)
    return text


class LeaderTable(TomlTable):
    """The table ``[leader]``: where the hosts find the machine on which the command runs. With port 0, which only hosts
    that are started by ``ssh`` can use, a free one is taken."""

    address: Address
    port: Port = 0


class FleetHost(TomlTable):
    """The table ``[[host]]``: a machine, and how its agent is started.

    ``address`` is where its servers and its agent listen; without, where its agent says that it does. With ``ssh``, the
    agent is started there by ``python``, the interpreter that has the harness; without, somebody starts it (``harness
    agent``). Commands of scenarios run in ``root``. ``keys`` is the folder of its certificates there. The generator
    uses the cores in ``cpus``, as taskset(1) writes them, each for a process, or else so many ``processes``; "auto" is
    one for each core but one, which is left to the agent.
    """

    name: Name
    address: Address | None = None
    ssh: str | None = Field(default=None, min_length=1)
    python: str = "python3"
    root: str = "."
    keys: str = "keys"
    cpus: Annotated[str, AfterValidator(_check_cpus)] | None = None
    processes: Annotated[int | Literal["auto"], PlainValidator(check_processes)] = "auto"

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        if self.ssh is not None and self.address is None:
            raise ValueError("expected address, since its agent is started by ssh")
        return self


class FleetRig(TomlTable):
    """The table ``[[rig]]``: the machine of the server, and those that generate the load. Without others, the server's
    own machine does. A round never leaves its rig."""

    server: Name
    generators: Annotated[tuple[Name, ...], Field(strict=False)] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """The machines that generate the load apart from the server; none where its own does."""
        return () if self.generators in ((), (self.server,)) else self.generators

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of all its machines, the server's first."""
        return tuple(dict.fromkeys((self.server, *self.generators)))

    def describe_part(self, host: str) -> str:
        """Return what one of its machines does, in words."""
        if host != self.server:
            return f"generates load for the servers on {self.server}"
        return f"runs the servers; their load comes from {', '.join(self.others) or 'it too'}"


class Fleet(TomlTable):
    """A fleet as its file has it. ``keys`` is the folder of the leader's certificates, relative to the file; without,
    nothing is encrypted, which only hosts on this machine may be. Rigs whose machines are ``unlike`` are refused unless
    it says so."""

    leader: LeaderTable
    keys: str | None = None
    unlike: bool = False
    hosts: Annotated[tuple[FleetHost, ...], Field(strict=False, min_length=1, alias="host")]
    rigs: Annotated[tuple[FleetRig, ...], Field(strict=False, min_length=1, alias="rig")]

    @field_validator("hosts")
    @classmethod
    def _check_names(cls, hosts: tuple[FleetHost, ...]) -> tuple[FleetHost, ...]:
        if twice := [name for name, times in Counter(host.name for host in hosts).items() if times > 1]:
            raise ValueError(f"expected different names, got {', '.join(twice)} more than once")
        return hosts

    @model_validator(mode="after")
    def _check_rigs(self) -> Self:
        known, used = {host.name for host in self.hosts}, Counter(name for rig in self.rigs for name in rig.hosts)
        if unknown := sorted(used.keys() - known):
            raise ValueError(f"rig: no host is called {unknown[0]}; there are: {', '.join(sorted(known))}")
        if twice := [name for name, times in used.items() if times > 1]:
            raise ValueError(f"rig: expected each host in one rig, got {', '.join(twice)} in several")
        if idle := sorted(known - used.keys()):
            raise ValueError(f"host: {idle[0]} is in no rig")
        if len({len(rig.others) for rig in self.rigs}) > 1:
            raise ValueError("rig: expected as many generators in each rig")
        if mixed := [rig.server for rig in self.rigs if rig.server in rig.others]:
            raise ValueError(f"rig: expected generators apart from {mixed[0]}, or it alone")
        return self

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        places = [self.leader.address, *(host.address or host.name for host in self.hosts)]
        far = [place for place in places if not is_loopback(place)]
        if self.keys is None and far:
            raise ValueError(
                f"expected keys = 'FOLDER', since {far[0]} is not this machine: harness fleet keys FOLDER makes them"
            )
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the fleet of a file. Raises FleetError, with every problem."""
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise FleetError(f"{path}: expected at most {MAX_FILE_BYTES:,} bytes")
            return cls.model_validate(tomllib.loads(read_utf8(path.read_bytes())))
        except OSError as error:
            raise FleetError(f"{path}: {error.strerror}") from error
        except ValidationError as error:
            problems = error.errors(include_url=False)
            within = {each["loc"][0] for each in problems if len(each["loc"]) > 1}
            lines = [
                ": ".join([str(path), *([key_of(each["loc"])] if each["loc"] else []), _describe(each)])
                for each in problems
                if each["type"] != "too_short" or each["loc"][0] not in within  # what is wrong with its tables is told
            ]
            raise FleetError("\n".join(lines)) from error
        except ValueError as error:  # not UTF-8, not TOML
            raise FleetError(f"{path}: {error}") from error

    def host(self, name: str) -> FleetHost:
        """Return the host of this name."""
        return next(host for host in self.hosts if host.name == name)


def _describe(problem: ErrorDetails) -> str:
    return describe_expected(problem, _keys_at(problem["loc"]))


def _keys_at(location: tuple[int | str, ...]) -> dict[str, str]:
    """Return the keys of the table at a location."""
    tables: dict[str, type[TomlTable]] = {"leader": LeaderTable, "host": FleetHost, "rig": FleetRig}
    table = tables.get(str(location[0]), Fleet) if location[1:] else Fleet
    return {field.alias or name: "" for name, field in table.model_fields.items()}
