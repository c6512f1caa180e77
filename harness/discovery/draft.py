"""The scenario file of a discovered server, with a comment on every part of it."""

import re
from dataclasses import dataclass, field
from typing import Final

import tomlkit
from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.scenario.topology import TopologyTable
from harness.text import printable

NAMELESS: Final = "my-service"
MAX_NAME_CHARACTERS: Final = 80  # of a name

Value = str | int | list[str] | list[int] | dict[str, str]


@dataclass(frozen=True)
class Draft:
    """The content of a scenario file.

    ``file`` is the path to which it will be written, ``typed`` the command as it was typed. ``is_guessed`` is True if
    nobody asked for the ``path``. ``why_fixed`` is the reason for a fixed port or Unix socket. ``workers_found`` is the
    number of workers, where it does not follow from the command.
    """

    file: str
    typed: str
    name: str
    path: str
    is_guessed: bool
    start_timeout_s: float
    topology: TopologyTable
    why_fixed: str
    workers_found: int | None = None
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    statuses: tuple[int, ...] = ()

    @property
    def compares_workers(self) -> bool:
        """True if the topology is started with several numbers of workers."""
        return isinstance(self.topology.workers, tuple)

    @property
    def text(self) -> str:
        """The file as TOML."""
        return TEMPLATE.render(draft=self, topology=self.topology)


def scenario_name(folder: str) -> str:
    """Return a name for the scenario of a server in a folder of that name."""
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", folder)[:MAX_NAME_CHARACTERS].strip("._+-")
    return name or NAMELESS


def format_toml(value: Value) -> str:
    """Return the value as TOML, on one line."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(value)
        return table.as_string()
    return tomlkit.item(value).as_string()


def _create_environment() -> Environment:
    found = Environment(
        loader=PackageLoader("harness.discovery"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {"toml": format_toml, "printable": printable}
    return found


TEMPLATE: Final = _create_environment().get_template("scenario.toml.j2")
