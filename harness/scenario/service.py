"""The services that run beside the server, such as a database: the tables ``[[service]]``."""

import re
from functools import partial
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from harness.load.spec import RequestPath
from harness.scenario.command import (
    Cwd,
    PassedNames,
    VariableName,
    VariableNames,
    check_command,
    check_public_names,
    check_variables,
)
from harness.scenario.placeholders import ENV, SERVICE, check_placeholders, services_of
from harness.scenario.table import DurationS, Name, TomlTable
from harness.scenario.topology import LOOPBACK, Host

MAX_PORT: Final = 65535
ALLOWED_WITH_ADDRESS: Final = {"name", "address", "ready_path", "start_timeout_s", "max_connections"}
Scope = Literal["run", "round", "trial"]
SCOPES: Final[tuple[Scope, ...]] = ("run", "round", "trial")  # from the longest to the shortest
KNOWN_TO_SERVICES: Final = ("python", "harness_python", "host", "port", "folder", "root", SERVICE)
KNOWN_TO_HOOKS: Final = ("python", "harness_python", "root", "topology", SERVICE)
_ADDRESS: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9a-fA-F:]+\]):(\d{1,5})", re.ASCII)
_LABEL: Final = 63  # bytes of a part of a host's name (RFC 1035)

_Words = Annotated[
    tuple[str, ...], Field(strict=False), AfterValidator(partial(check_command, known=KNOWN_TO_SERVICES))
]
_Variables = Annotated[dict[VariableName, str], AfterValidator(partial(check_variables, known=KNOWN_TO_SERVICES))]
_HookWords = Annotated[
    tuple[str, ...], Field(strict=False, min_length=1), AfterValidator(partial(check_command, known=KNOWN_TO_HOOKS))
]
_HookVariables = Annotated[dict[VariableName, str], AfterValidator(partial(check_variables, known=KNOWN_TO_HOOKS))]


class Service(TomlTable):
    """A program that topologies need, which is not measured: started with ``command`` once for each run, round or trial
    (``scope``), or there already at an ``address`` (HOST:PORT).

    It listens on ``host`` and {port}, or on a fixed ``port``. {folder} is a new folder of its own, which is removed
    when it ends, and ``prepare`` a command that is run before it. It counts as ready when somebody listens on its port
    or, where one is given, when ``ready_path`` is answered, its output has ``ready_log``, or ``ready_command``
    succeeds. Topologies and services after it refer to it as {service.NAME.host}, {service.NAME.port} and
    {service.NAME.folder}. ``cwd``, ``env``, ``pass_env`` and ``public_env`` are those of a topology.
    ``max_connections`` is how many it allows, from all hosts together.
    """

    name: Annotated[Name, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    command: _Words = ()
    cwd: Cwd = "."
    address: str | None = None
    host: Host = LOOPBACK
    port: int | None = Field(default=None, ge=1, le=65535)
    env: _Variables = Field(default_factory=dict)
    pass_env: PassedNames = ()
    public_env: VariableNames = ()
    prepare: _Words = ()
    ready_path: RequestPath | None = None
    ready_log: str | None = Field(default=None, min_length=1)
    ready_command: _Words = ()
    start_timeout_s: DurationS = Field(default=30.0, alias="start_timeout", gt=0)
    scope: Scope = "run"
    max_connections: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        check_public_names(self.public_env, self.env)
        if bool(self.command) == (self.address is not None):
            raise ValueError("expected either command, to start it, or address = 'HOST:PORT' of one that is there")
        if self.address is not None and not _is_address(self.address):
            raise ValueError(f"address: expected HOST:PORT, such as '127.0.0.1:5432', got {self.address!r:.60}")
        if sum(map(bool, (self.ready_path, self.ready_log, self.ready_command))) > 1:
            raise ValueError("expected one of ready_path, ready_log and ready_command")
        fields = type(self).model_fields.items()
        said = {name for name, field in fields if getattr(self, name) != field.get_default(call_default_factory=True)}
        if self.address is not None and (unfit := sorted(said - ALLOWED_WITH_ADDRESS)):
            raise ValueError(f"expected no {', '.join(unfit)} with an address: it is there already")
        return self

    @property
    def placeholders(self) -> set[str]:
        """The names in braces in its commands and in the values of its env."""
        words = (*self.command, *self.prepare, *self.ready_command, *self.env.values())
        return check_placeholders(words, (*KNOWN_TO_SERVICES, ENV))

    @property
    def place(self) -> tuple[str, int] | None:
        """The host and the port of one that is there already, or whose port is fixed; None where a free one is
        taken."""
        if self.address is not None:
            host, _, port = self.address.rpartition(":")
            return host.strip("[]"), int(port)
        return (self.host, self.port) if self.port is not None else None


class Hook(TomlTable):
    """A command that is run at one moment of a run, and must succeed within ``timeout_s``. {topology} is the name of
    the trial's topology."""

    command: _HookWords
    cwd: Cwd = "."
    env: _HookVariables = Field(default_factory=dict)
    pass_env: PassedNames = ()
    public_env: VariableNames = ()
    timeout_s: DurationS = Field(default=60.0, alias="timeout", gt=0)

    @model_validator(mode="after")
    def _check_public_env(self) -> Self:
        check_public_names(self.public_env, self.env)
        return self

    @property
    def placeholders(self) -> set[str]:
        """The names in braces in its command and in the values of its env."""
        return check_placeholders((*self.command, *self.env.values()), (*KNOWN_TO_HOOKS, ENV))


class Hooks(TomlTable):
    """The table ``[hooks]``: ``setup`` and ``cleanup`` are run once a run, when the services of its scope are ready and
    before they are stopped; ``before_trial`` and ``after_trial`` around each trial, and ``after_warmup`` between its
    warm-up and what is measured, while nothing is asked of the server."""

    setup: Hook | None = None
    cleanup: Hook | None = None
    before_trial: Hook | None = None
    after_warmup: Hook | None = None
    after_trial: Hook | None = None

    @property
    def by_name(self) -> dict[str, Hook]:
        """The hooks that there are."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: hook for name, hook in found.items() if hook is not None}


def _is_address(text: str) -> bool:
    found = _ADDRESS.fullmatch(text)
    labels = text.rpartition(":")[0].split(".")
    return found is not None and 0 < int(found[1]) <= MAX_PORT and all(0 < len(label) <= _LABEL for label in labels)


def check_services(services: tuple[Service, ...]) -> tuple[Service, ...]:
    """Return the services. Raises ValueError where two have one name, or one refers to another that does not begin
    before it or ends before it."""
    for number, service in enumerate(services):
        before = {each.name: each for each in services[:number]}
        if service.name in before:
            raise ValueError(f"expected different names, got {service.name} more than once")
        if unknown := sorted(services_of(service.placeholders) - before.keys()):
            raise ValueError(f"{service.name}: expected services that stand before it, got {', '.join(unknown)}")
        if same := [each.name for each in before.values() if service.port and each.place == service.place]:
            raise ValueError(f"{service.name}: expected another port than {same[0]} has, got {service.port}")
        _check_folders(service.placeholders, before)
        for other in map(before.__getitem__, sorted(services_of(service.placeholders))):
            if SCOPES.index(other.scope) > SCOPES.index(service.scope):
                raise ValueError(f"{service.name}: {other.name} ends before it: scope = '{other.scope}'")
    return services


def check_references(placeholders: set[str], services: tuple[Service, ...]) -> None:
    """Raise ValueError where one of the placeholders refers to a service that is not there, or to the folder of one
    that has none."""
    known = {service.name: service for service in services}
    if unknown := sorted(services_of(placeholders) - known.keys()):
        raise ValueError(f"expected a [[service]] called {' and '.join(unknown)}")
    _check_folders(placeholders, known)


def _check_folders(placeholders: set[str], known: dict[str, Service]) -> None:
    for name in sorted(services_of(placeholders)):
        if known[name].address is not None and f"service.{name}.folder" in placeholders:
            raise ValueError(
                f"expected no {{service.{name}.folder}}: it is there already, and has no folder of the run"
            )


def check_hook(name: str, hook: Hook, services: tuple[Service, ...]) -> None:
    """Raise ValueError where the hook refers to a service that is not there, or does not live as long."""
    check_references(hook.placeholders, services)
    scopes = {service.name: service.scope for service in services}
    short = sorted(each for each in services_of(hook.placeholders) if scopes[each] != "run")
    if name in ("setup", "cleanup") and short:
        raise ValueError(f"{' and '.join(short)} is there for a {scopes[short[0]]} alone")
