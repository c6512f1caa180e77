"""The catalogue hangs together: its scenarios can be read, its files exist, and its page says what it says."""

from pathlib import Path
from typing import Final

import pytest

from harness.scenario import load_scenario
from tests.real_servers.catalogue import SERVERS, RealServer
from tests.real_servers.measuring import FILES
from tests.real_servers.writing import scenario_text, topology_text

PAGE: Final = Path(__file__).parents[2] / "docs" / "servers.md"

each_server = pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)


@each_server
def test_its_scenario_can_be_read(server: RealServer, tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(scenario_text(server), encoding="utf-8")
    topologies = load_scenario(path).topologies
    assert [topology.name for topology in topologies] == [start.name for start in server.starts]
    assert [topology.command for topology in topologies] == [tuple(start.words) for start in server.starts]


@each_server
def test_the_page_says_how_it_is_started(server: RealServer) -> None:
    page = PAGE.read_text(encoding="utf-8")
    section = page.partition(f"\n## {server.title}\n")[2].partition("\n## ")[0]
    assert [start for start in server.starts if topology_text(start) not in section] == []


def test_every_file_is_there_and_somebodys() -> None:
    named = {name for server in SERVERS for name in server.files}
    assert named == {path.name for path in FILES.iterdir() if path.is_file()}


def test_no_two_servers_share_a_name_or_a_heading() -> None:
    assert len({server.name for server in SERVERS}) == len({server.title for server in SERVERS}) == len(SERVERS)
