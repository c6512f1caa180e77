"""The verbs of a fleet: its keys, and the agent of a host; and the option with which others are made on one."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.usage import UsageError, usage_errors

if TYPE_CHECKING:  # importing it takes a second, for which no other verb need wait
    from harness.fleet.far_testbed import FarTestbed
    from harness.measure.testbed import Testbed

FleetFile = Annotated[
    Path | None, typer.Option("--fleet", metavar="FILE", help="Measure on the machines of this fleet file.")
]

fleet_app = typer.Typer(help="Prepare a fleet: several machines that measure together.", no_args_is_help=True)


@fleet_app.command(name="keys")
def keys_command(folder: Annotated[Path, typer.Argument(help="A new folder.")]) -> None:
    """Make the keys of a fleet: an authority of its own, and certificates for the leader and the agents.

    The folder is a secret: who has it can run commands on every host. Copy authority.pem, agent.pem and agent-key.pem
    to each host, and nothing else.
    """
    with usage_errors():
        _require_extra()
        from harness.fleet.authority import make_keys

        make_keys(folder)
    typer.echo(f"{folder}: copy authority.pem, agent.pem and agent-key.pem to each host.")


def agent_command(
    leader: Annotated[str, typer.Argument(metavar="ADDRESS", help="The leader's, such as tls://10.0.0.5:8786.")],
    name: Annotated[str, typer.Option(help="The name of this host in the fleet file.")],
    listen: Annotated[str, typer.Option(metavar="ADDRESS", help="The address of this host in the fleet file.")],
    root: Annotated[Path, typer.Option(help="Where the commands of scenarios run.")] = Path(),
    keys: Annotated[Path | None, typer.Option(help="The folder of this host's certificates.")] = None,
) -> None:
    """Run the agent of a host, until its leader ends: it does what the leader says, which is running commands."""
    with usage_errors():
        _require_extra()
        from harness.fleet.watched_agent import run_watched

        words = [name, leader, listen, str(root.absolute()), *([str(keys.absolute())] if keys else [])]
    raise typer.Exit(run_watched(words))


@contextmanager
def open_testbed(fleet: Path | None) -> Iterator["Testbed"]:
    """Return the testbed of a fleet, whose agents are up until the context is left; without a file, this machine.
    Raises FleetError."""
    with open_hosts(fleet) as hosts:
        if hosts is None:
            from harness.measure.testbed import Testbed

            yield Testbed.here()
        else:
            yield hosts


@contextmanager
def open_hosts(fleet: Path | None) -> Iterator["FarTestbed | None"]:
    """Return the machines of a fleet, whose agents are up until the context is left; None without a file. Raises
    FleetError."""
    if fleet is None:
        yield None
        return
    _require_extra()
    from harness.fleet.far_testbed import FarTestbed
    from harness.fleet.file import Fleet
    from harness.fleet.leader import Leader

    found = Fleet.read(fleet)
    if waited := [host.name for host in found.hosts if host.ssh is None]:
        place = f"{found.leader.address}:{found.leader.port}"
        typer.echo(f"harness: waiting at {place} for the agents of {', '.join(waited)}", err=True)
    with Leader(found, fleet.parent) as leader:
        yield FarTestbed(leader, leader.fleet.rigs)


def _require_extra() -> None:
    """Raise UsageError where what a fleet needs is not installed."""
    needed = ("distributed", "cryptography")
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise UsageError(f"{' and '.join(missing)} not installed: pip install 'harness[fleet]'")
