"""What is written of a server: its scenario, and the page of all that were measured."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.discovery.draft import toml
from tests.real_servers.catalogue import RealServer, Start

if TYPE_CHECKING:
    from tests.real_servers.measuring import Found, Measured

ROLES: Final = {"worker": "workers", "supervisor": "supervisors", "front": "fronts", "helper": "helpers"}


def topology_text(start: Start) -> str:
    """Return the ``[[topology]]`` table that starts a server in this way."""
    return TEMPLATES.get_template("topology.toml.j2").render(start=start)


def scenario_text(server: RealServer) -> str:
    """Return the scenario that measures a server for a second, in every way to start it."""
    return TEMPLATES.get_template("scenario.toml.j2").render(server=server)


def page_text(measured: Sequence["Measured"], skipped: Sequence[str], system: str) -> str:
    """Return the page of the servers that were measured, and of those that were ``skipped``, with the reasons."""
    return TEMPLATES.get_template("servers.md.j2").render(measured=measured, skipped=skipped, system=system)


def _versions(measured: "Measured") -> str:
    if len(measured.versions) == 1:
        return next(iter(measured.versions.values()))
    return ", ".join(f"{program} {version}" for program, version in measured.versions.items())


def _processes(measured: "Measured", kind: str) -> str:
    """Return what the trial of the raw server, or of its cluster, found."""
    return "".join(_found_text(found) for found in measured.found if (found.start.workers is None) == (kind == "raw"))


def _found_text(found: "Found") -> str:
    counts = [
        f"{found.roles[role]} {role if found.roles[role] == 1 else plural}"
        for role, plural in ROLES.items()
        if found.roles[role]
    ]
    if found.threads != [1]:
        counts[0] += (
            f" of {'–'.join(str(threads) for threads in dict.fromkeys((found.threads[0], found.threads[-1])))} threads"
        )
    if found.replaced:
        counts[0] += f", {found.replaced} replaced"
    return ", ".join(counts)


def _anchor(heading: str) -> str:
    """Return where a link within the page leads to the heading, as GitHub has it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("tests.real_servers", ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "anchor": _anchor,
        "processes": _processes,
        "toml": toml,
        "topology": topology_text,
        "versions": _versions,
    }
    return environment


TEMPLATES: Final = _templates()
