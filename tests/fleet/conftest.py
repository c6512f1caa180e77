"""Three hosts for the tests of fleets, and the agents on them."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from harness.fleet.authority import make_keys
from tests.fleet.lab import ADDRESSES, HUB, Lab, harness, why_no_lab

PORT: Final = 8786
REPOSITORY: Final = Path(__file__).parents[2]
SERVER: Final = REPOSITORY / "tests" / "fleet" / "counting_server.py"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys of the fleet."""
    folder = tmp_path_factory.mktemp("fleet") / "keys"
    make_keys(folder)
    return folder


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Three hosts on a bridge. Where there can be none, the reason is told, and CI fails."""
    if (why := why_no_lab()) is not None:
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    with Lab() as lab:
        yield lab


class Site:
    """The hosts of a lab with a fleet file, a scenario and the keys, in one folder."""

    def __init__(self, lab: Lab, folder: Path, keys: Path) -> None:
        self.lab, self.folder, self.keys = lab, folder, keys
        self.agents: dict[str, subprocess.Popen[str]] = {}

    def write_fleet(self, *rigs: Sequence[str], extra: str = "") -> Path:
        """Write the fleet file: of each rig the server's host, then those of its generators."""
        lines = [
            f'keys = "{self.keys}"',
            "unlike = true",
            extra,
            f'[leader]\naddress = "{ADDRESSES[HUB]}"\nport = {PORT}',
        ]
        for host in dict.fromkeys(host for rig in rigs for host in rig):
            lines.append(f'[[host]]\nname = "{host}"\naddress = "{ADDRESSES[host]}"\nprocesses = 1')
        for server, *generators in rigs:
            named = ", ".join(f'"{each}"' for each in generators)
            lines.append(f'[[rig]]\nserver = "{server}"\ngenerators = [{named}]')
        path = self.folder / "fleet.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    def write_scenario(self, text: str = "", duration: str = "500ms", rounds: int = 2) -> Path:
        """Write a scenario of two topologies, which are the same."""
        command = f'["{{harness_python}}", "{SERVER}", "{{host}}", "{{port}}"]'
        topologies = "".join(f'[[topology]]\nname = "{name}"\ncommand = {command}\n' for name in ("one", "two"))
        head = f'name = "far"\nrounds = {rounds}\n{text}\n[load]\nconnections = 4\nwarmup = "200ms"\n'
        path = self.folder / "scenario.toml"
        path.write_text(f'{head}duration = "{duration}"\n{topologies}', encoding="utf-8")
        return path

    def start_agents(self, *hosts: str, **env: str) -> None:
        """Start the agents of these hosts, with these variables."""
        for host in hosts:
            words = ["agent", f"tls://{ADDRESSES[HUB]}:{PORT}", "--name", host, "--listen", ADDRESSES[host]]
            options = ["--root", str(self.folder), "--keys", str(self.keys)]
            self.agents[host] = self.lab.start(host, harness(*words, *options), REPOSITORY, env)

    def collect_agents(self) -> None:
        """Wait until all agents have ended with their leader."""
        for agent in self.agents.values():
            agent.communicate(timeout=20)

    def run(self, *words: str, limit_s: float = 90.0) -> str:
        """Run a command of the harness on the hub to its end, and return what it printed."""
        return self.lab.run(HUB, harness(*words), self.folder, limit_s)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command of the harness on the hub."""
        return self.lab.start(HUB, harness(*words), self.folder)


@pytest.fixture
def site(lab: Lab, tmp_path: Path, keys: Path) -> Iterator[Site]:
    """The hosts of the lab, with what a run on them needs. Nothing of it may be left."""
    site = Site(lab, tmp_path, keys)
    yield site
    for agent in site.agents.values():
        agent.kill()
        agent.communicate()
