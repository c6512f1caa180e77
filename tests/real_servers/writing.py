"""What is written of a server: its scenario, and the page of all that were measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.discovery.draft import toml
from tests.real_servers.catalogue import RealServer, Start

if TYPE_CHECKING:
    from tests.real_servers.measuring import Measured


def topology_text(start: Start) -> str:
    """Return the ``[[topology]]`` table that starts a server in this way."""
    return TEMPLATES.get_template("topology.toml.j2").render(start=start)


def scenario_text(server: RealServer) -> str:
    """Return the scenario that measures a server for a second, in every way to start it."""
    return TEMPLATES.get_template("scenario.toml.j2").render(server=server)


def page_text(measured: Sequence["Measured"], skipped: Sequence[str], system: str) -> str:
    """Return the page of the servers that were measured, and what was ``skipped`` with the reasons."""
    return TEMPLATES.get_template("servers.md.j2").render(measured=measured, skipped=skipped, system=system)


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("tests.real_servers", ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"toml": toml, "topology": topology_text}
    return environment


TEMPLATES: Final = _templates()
