"""Whatever a server is started with, its scenario can be read, and says that."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.discovery.draft import Draft, scenario_name
from harness.scenario import Scenario, load_scenario
from harness.scenario.placeholders import escape_braces
from harness.scenario.table import NAME
from harness.scenario.topology import TopologyTable

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="="), min_size=1, max_size=30)
values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
places = st.fixed_dictionaries({"port": st.integers(1, 65535)}) | st.fixed_dictionaries(
    {"unix_socket": text.filter(bool)}
)
tables = st.builds(
    lambda place, **fields: TopologyTable(**fields, **place),
    place=places,
    name=st.just("raw"),
    command=st.lists(text.map(escape_braces), min_size=1, max_size=4).map(tuple),
    env=st.dictionaries(names, values.map(escape_braces), max_size=3),
    pass_env=st.lists(st.from_regex(r"[A-Z_]{1,9}", fullmatch=True), max_size=2).map(tuple),
    baseline=st.just(True),
    host=st.sampled_from(["127.0.0.1", "::1", "localhost"]),
    scheme=st.sampled_from(["http", "https"]),
)
CLUSTER = TopologyTable(name="cluster-{workers}", command=("serve", "{port}", "{workers}"), workers=(1, 2, 4))


def draft(table: TopologyTable, **changes: object) -> Draft:
    fields: dict[str, object] = {
        "file": "scenario.toml",
        "typed": "serve",
        "name": "shop",
        "path": "/",
        "is_guessed": False,
        "start_timeout_s": 20.0,
        "topology": table,
        "why_fixed": "it is",
    }
    return Draft(**(fields | changes))  # type: ignore[arg-type]


def loaded(written: str) -> Scenario:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "scenario.toml"
        file.write_text(written, encoding="utf-8")
        return load_scenario(file)


@settings(max_examples=40)
@given(tables, text, text, st.booleans())
def test_what_is_written_is_what_is_read(table: TopologyTable, typed: str, why: str, is_guessed: bool) -> None:
    scenario = loaded(draft(table, typed=typed, file=typed, why_fixed=why, is_guessed=is_guessed).text)
    assert scenario.topologies == tuple(table.expand())
    assert (scenario.name, scenario.start_timeout_s, scenario.load.requests[0].path) == ("shop", 20.0, "/")


def test_a_cluster_is_one_topology_for_each_number_of_workers_and_the_first_is_the_baseline() -> None:
    scenario = loaded(draft(CLUSTER).text)
    assert [topology.name for topology in scenario.topologies] == ["cluster-1", "cluster-2", "cluster-4"]
    assert scenario.baseline.name == "cluster-1"


@settings(max_examples=20)
@given(tables)
def test_what_is_there_to_be_tried_can_be_read_too(table: TopologyTable) -> None:
    scenario = loaded(re.sub(r"^# (?=\w+ = |\[)", "", draft(table).text, flags=re.MULTILINE))
    assert [topology.name for topology in scenario.topologies] == ["raw", "cluster-2", "cluster-4"]
    assert scenario.topologies[2].command == (*table.command, "--workers", "{workers}")
    assert (scenario.rounds, len(scenario.gate.gates)) == (10, 4)
    assert scenario.load.arrivals is not None
    assert scenario.topologies[0].pass_env


@pytest.mark.parametrize(("folder", "name"), [("shop", "shop"), ("My Shop (2)", "My-Shop-2"), ("", "my-service")])
def test_the_name_is_that_of_the_folder(folder: str, name: str) -> None:
    assert scenario_name(folder) == name


@given(st.text())
def test_every_folder_gives_a_name(folder: str) -> None:
    name = scenario_name(folder)
    assert re.fullmatch(NAME, name)
    assert len(name) <= 80
