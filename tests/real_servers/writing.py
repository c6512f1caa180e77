"""What is written of a server: its scenario, and the page of all that were measured."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.discovery.draft import format_toml
from tests.real_servers.catalogue import SERVERS, RealServer, Start

if TYPE_CHECKING:
    from tests.real_servers.measuring import Found, Measured

ROLES: Final = ("worker", "supervisor", "front", "helper")


def topology_text(start: Start) -> str:
    """Return the ``[[topology]]`` table that starts a server in this way."""
    return TEMPLATES.get_template("topology.toml.j2").render(start=start)


def scenario_text(server: RealServer) -> str:
    """Return the scenario that measures a server for a second, in every way to start it."""
    return TEMPLATES.get_template("scenario.toml.j2").render(server=server)


def page_text(measured: Mapping[str, "Measured"], missing: Mapping[str, Sequence[str]], system: str) -> str:
    """Return the page of the servers that were ``measured``, and of those whose programs are ``missing``, by name."""
    rows = {name: _row(found) for name, found in measured.items()}
    rows |= {name: (f"not measured: no {', '.join(programs)}", "–", "–") for name, programs in missing.items()}
    servers = [(server, rows[server.name]) for server in SERVERS]
    return TEMPLATES.get_template("servers.md.j2").render(servers=servers, system=system)


def _row(measured: "Measured") -> Sequence[str]:
    """Return the versions of the programs, the processes of the raw server, and those of the cluster."""
    by_kind = {found.start.workers is None: _found_text(found) for found in measured.found}
    programs = [f"{program} {version}" for program, version in measured.versions.items()]
    return ", ".join(programs), by_kind.get(True, "–"), by_kind.get(False, "–")


def _found_text(found: "Found") -> str:
    if found.record.status != "ok":
        return f"{found.record.status}: {found.record.reason}"
    counts = [_count_text(found.roles[role], role) for role in ROLES if found.roles[role]]
    details = [_threads_text(found.threads), f"{found.replaced} replaced" if found.replaced else ""]
    if any(details):
        counts[0] += f" ({', '.join(filter(None, details))})"
    return ", ".join(counts)


def _count_text(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _threads_text(threads: Sequence[int]) -> str:
    """Return how many threads each worker had, where it was more than one."""
    least, most = min(threads, default=1), max(threads, default=1)
    if most == 1:
        return ""
    return _count_text(most, "thread") if least == most else f"{least}–{most} threads"


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
        "toml": format_toml,
        "topology": topology_text,
    }
    return environment


TEMPLATES: Final = _templates()
