"""The ways to run the server: ``[[topology]]`` as written, and one topology for each number of workers."""

import ipaddress
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, field_serializer, field_validator, model_validator

from harness.scenario.table import NAME, Table, Words

PLACEHOLDERS: Final = ("python", "host", "port", "unix_socket", "workers", "root")
LOOPBACK: Final = "127.0.0.1"
MAX_WORKERS: Final = 1024
REDACTED: Final = "(redacted)"
_SECRET: Final = re.compile(
    r"secret|token|passw|passphrase|credential|private|api_?key|access_?key|auth", re.IGNORECASE
)

PassedNames = Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...], Field(strict=False)]


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
    of: str = Field(pattern=NAME, max_length=80)
    root: str


class Topology(Listening):
    """One way to run the server. ``workers`` is None for one that is not a cluster; clusters that differ in
    nothing but that are of one ``family``.

    ``command`` and the values of ``env`` may hold {python}, {host}, {port}, {unix_socket}, {workers} and {root}, the
    folder in which the command runs: where the harness was called or, on one ``side``, the commit's. The server's
    environment is ``env``, the variables of the caller that ``pass_env`` names, and a few that every program needs.
    """

    name: str = Field(pattern=NAME, max_length=80)
    family: str
    command: Words = Field(min_length=1)
    env: dict[str, str] = Field(default_factory=dict)
    pass_env: PassedNames = ()
    workers: int | None = None
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
    """``[[topology]]`` as written: ``workers`` is a list, and each number in it makes a topology of its own."""

    name: str = Field(min_length=1)
    command: Words = Field(min_length=1)
    env: dict[str, str] = Field(default_factory=dict)
    pass_env: PassedNames = ()
    workers: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_WORKERS)], ...], Field(strict=False)] | None = None
    baseline: bool = False
    requires: Words = ()

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
        if "workers" in used | check_placeholders([self.name]) and not self.workers:
            raise ValueError("expected workers = [N, ...], since {workers} is used")
        if self.workers and len(self.workers) > 1 and "workers" not in check_placeholders([self.name]):
            raise ValueError("expected {workers} in name, so that each number of workers has a name of its own")
        if self.workers and self.baseline and len(self.workers) > 1:
            raise ValueError("expected one topology as the baseline, got one for each number of workers")
        return self

    def expanded(self, folder: Path = Path()) -> list[Topology]:
        """The topologies this table stands for; ``ca_file`` is relative to ``folder``. Raises ValidationError where a
        name can't be used."""
        rest = self.model_dump(exclude={"name", "workers"})
        if self.ca_file is not None:
            rest["ca_file"] = str((folder / self.ca_file).absolute())
        family = self.name.format(workers="N")
        return [
            Topology(name=self.name.format(workers=workers), family=family, workers=workers, **rest)
            for workers in (self.workers or (None,))
        ]


def is_secret(name: str) -> bool:
    """Whether a variable of this name is likely to hold something that nobody else should know."""
    return _SECRET.search(name) is not None


def check_placeholders(texts: Iterable[str], known: Sequence[str] = PLACEHOLDERS) -> set[str]:
    """The names in braces. Raises ValueError for one that nothing fills."""
    names = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    if unknown := sorted(names - set(known)):
        expected = ", ".join(f"{{{name}}}" for name in known)
        raise ValueError(f"expected placeholders among {expected}, got {', '.join(f'{{{n}}}' for n in unknown)}")
    return names
