"""The ways to run the server: ``[[topology]]`` as written, and one topology for each number of workers."""

import ipaddress
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
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

PLACEHOLDERS: Final = ("python", "harness_python", "host", "port", "unix_socket", "workers", "root")
LOOPBACK: Final = "127.0.0.1"
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


def _check_host(host: str) -> str:
    """Return the host. Raises ValueError for one on which this machine can't be reached by itself."""
    try:
        address = ipaddress.ip_address(host)
        is_here = address.is_loopback or address.is_unspecified
    except ValueError:
        is_here = host == "localhost"
    if not is_here:
        raise ValueError(f"expected an address of this machine such as '127.0.0.1', '::1' or 'localhost', got {host!r}")
    return host


class Listening(Table):
    """Where and how the server of a topology listens.

    ``host`` is what {host} stands for. ``port`` fixes the port for a server that can't be told one; otherwise every
    trial takes a free one. ``unix_socket`` fixes the path of a Unix socket, relative to where the command runs; where
    {unix_socket} is used instead, every trial takes a fresh one. ``ca_file`` (PEM) has the certificate checked.
    """

    host: Annotated[str, AfterValidator(_check_host)] = LOOPBACK
    port: int | None = Field(default=None, ge=1, le=65535)
    unix_socket: str | None = Field(default=None, min_length=1)
    scheme: Literal["http", "https"] = "http"
    ca_file: str | None = None

    @model_validator(mode="after")
    def _ways_fit_together(self) -> Self:
        if self.port is not None and self.unix_socket is not None:
            raise ValueError("expected port or unix_socket, not both: one of them is loaded")
        if self.ca_file is not None and self.scheme != "https":
            raise ValueError('expected scheme = "https", since ca_file is for the certificate')
        return self


class Side(Table):
    """Which of two commits a topology runs: ``of`` is its name in the scenario, ``root`` where the commit is checked
    out."""

    commit: Literal["base", "head"]
    of: Name
    root: str


class Topology(Listening):
    """One way to run the server. ``workers`` is how many it is to have, None for one that is to be a single process
    and where they are to be taken ``workers_as_found``; clusters that differ in nothing but that are of one ``family``.

    ``command`` and the values of ``env`` may hold {python}, the one on the caller's PATH, {harness_python}, the
    harness's own, {host}, {port}, {unix_socket}, {workers} and {root}, the folder in which the command runs: where the
    harness was called or, on one ``side``, the commit's. The server's environment is ``env``, the variables of the
    caller that ``pass_env`` names, and a few that every program needs.
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
    side: Side | None = None

    @property
    def title(self) -> str:
        """What people call it: of two commits, by its name in the scenario."""
        return self.side.of if self.side else self.name

    @property
    def listens_on_unix_socket(self) -> bool:
        """Whether that is where it is loaded, whatever else it listens on."""
        return self.unix_socket is not None or "unix_socket" in check_placeholders([*self.command, *self.env.values()])

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


class TopologyTable(Listening):
    """``[[topology]]`` as written: ``workers`` is a list, and each number in it makes a topology of its own, or
    "as found"."""

    name: str
    command: Words = Field(min_length=1)
    env: Variables = Field(default_factory=dict)
    pass_env: PassedNames = ()
    workers: Workers = None
    baseline: bool = False
    requires: Words = ()

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

    def expanded(self, folder: Path = Path()) -> list[Topology]:
        """The topologies this table stands for; ``ca_file`` is relative to ``folder``."""
        rest = self.model_dump(exclude={"name", "workers"})
        if self.ca_file is not None:
            rest["ca_file"] = str((folder / self.ca_file).absolute())
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
    listed = ", ".join(f"{{{name}}}" for name in known)
    plain = escape_braces(text)
    instead = f": write {plain!r}" if len(plain) <= MOST_SHOWN else ""
    raise ValueError(
        f"expected placeholders, and other braces doubled, got {text!r:.80}{instead}; placeholders are {listed}"
    )


def escape_braces(text: str) -> str:
    """Return the text as a scenario has it: its placeholders stay what they are, every other brace is but a brace."""
    parts = _ONE_OF_THEM.split(text)
    parts[::2] = [part.replace("{", "{{").replace("}", "}}") for part in parts[::2]]
    return "".join(parts)


_NAMES: Final = TypeAdapter(Name)
