"""Scenarios that include other files: what holds, and where an error is said to be."""

from pathlib import Path

import pytest

from harness.scenario import ScenarioError, load_scenario

COMMON = """
margin = "3%"
[load]
path = "/cart"
connections = 8
data = "ids.csv"
[[topology]]
name = "raw"
command = ["raw", "{port}"]
"""
MAIN = """
name = "own"
include = ["parts/common.toml"]
[load]
connections = 64
[[topology]]
name = "cluster"
command = ["cluster", "{port}"]
"""


def written(tmp_path: Path, main: str = MAIN, common: str = COMMON) -> Path:
    """The scenario in the folder, and beside it the folder with what it includes."""
    parts = tmp_path / "parts"
    parts.mkdir(exist_ok=True)
    (parts / "common.toml").write_text(common)
    (parts / "ids.csv").write_text("id\n1\n2\n")
    (tmp_path / "own.toml").write_text(main)
    return tmp_path / "own.toml"


def refusal(tmp_path: Path, main: str = MAIN, common: str = COMMON) -> str:
    """What is said, without the folder."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(written(tmp_path, main, common))
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_tables_are_merged_and_what_the_scenario_says_holds(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path), {"load.duration": 1.0})
    assert (scenario.name, scenario.margin) == ("own", 0.03)
    assert (scenario.load.connections, scenario.load.requests[0].path) == (64, "/cart")
    assert [topology.name for topology in scenario.topologies] == ["raw", "cluster"]
    assert scenario.baseline.name == "raw"


def test_files_are_looked_for_beside_the_file_that_names_them(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path))
    assert scenario.load.data is not None
    assert len(scenario.load.data.rows) == 2


def test_an_error_has_the_file_and_the_line_where_it_stands(tmp_path: Path) -> None:
    assert refusal(tmp_path, common=COMMON.replace("8\n", '"many"\n'), main=MAIN.replace("connections = 64\n", "")) == (
        "parts/common.toml:5: load.connections: expected a whole number, got 'many'"
    )
    assert refusal(tmp_path, common=COMMON.replace('["raw", "{port}"]', '["raw"]')).startswith(
        "parts/common.toml:7: topology[0]: expected {port}"
    )
    assert refusal(tmp_path, main=MAIN.replace('["cluster", "{port}"]', '["cluster"]')).startswith(
        "own.toml:6: topology[0]: expected {port}"
    )
    assert refusal(tmp_path, main=MAIN.replace("connections = 64", "conections = 64")).startswith(
        "own.toml:5: load.conections: unknown key; did you mean connections?"
    )


def test_an_error_within_a_table_of_a_list_is_said_to_be_there(tmp_path: Path) -> None:
    """Tables of lists are merged, and lists within them are not."""
    processes = '[[topology.process]]\ncommand = ["{}", "{{port}}"]\n'
    main = MAIN.replace('command = ["cluster", "{port}"]\n', processes.format("a") + processes.format("b"))
    common = COMMON.replace('command = ["raw", "{port}"]\n', processes.format("c"))
    assert refusal(tmp_path, main=f"{main}instances = 0\n", common=common).startswith(
        "own.toml:12: topology[0].process[1].instances: expected"
    )


@pytest.mark.parametrize(
    ("include", "said"),
    [
        ('"common.toml"', "own.toml: include: expected a list of files such as [\"common.toml\"], got 'common.toml'"),
        ('["parts/none.toml"]', "parts/none.toml: No such file or directory"),
        ('["parts"]', "parts: Is a directory"),
    ],
)
def test_what_can_not_be_included_is_told(tmp_path: Path, include: str, said: str) -> None:
    assert refusal(tmp_path, main=MAIN.replace('["parts/common.toml"]', include)) == said


def test_what_is_included_includes_nothing_and_is_toml(tmp_path: Path) -> None:
    assert refusal(tmp_path, common=f'include = ["own.toml"]\n{COMMON}') == (
        "parts/common.toml: include: expected none in a file that own.toml includes"
    )
    assert refusal(tmp_path, common="[load").startswith("parts/common.toml: not TOML: ")
