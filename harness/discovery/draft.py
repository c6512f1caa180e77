"""The scenario file of a server that was looked at, with a word on every part of it."""

import re
from dataclasses import dataclass, field
from typing import Final

import tomlkit
from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.scenario.topology import TopologyTable
from harness.text import printable

NAMELESS: Final = "my-service"
MOST_CHARACTERS: Final = 80  # of a name

Value = str | int | list[str] | list[int] | dict[str, str]


@dataclass(frozen=True)
class Draft:
    """What the file says. ``file`` is where it will be and ``typed`` the command as it was given; ``is_guessed`` is a
    path that nobody asked for, ``why_fixed`` tells of a port that is, and ``workers_found`` are those that something
    else than the command decides on."""

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
        """Whether the topology is started with several numbers of workers."""
        return isinstance(self.topology.workers, tuple)

    @property
    def text(self) -> str:
        """As TOML."""
        return TEMPLATE.render(draft=self, topology=self.topology)


def scenario_name(folder: str) -> str:
    """A name for what is in a folder of that name."""
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", folder)[:MOST_CHARACTERS].strip("._+-")
    return name or NAMELESS


def toml(value: Value) -> str:
    """The value as TOML has it, on one line."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(value)
        return table.as_string()
    return tomlkit.item(value).as_string()


def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("harness.discovery"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {"toml": toml, "printable": printable}
    return found


TEMPLATE: Final = _templates().get_template("scenario.toml.j2")
