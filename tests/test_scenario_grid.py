"""Grids in a scenario: the topologies that they make, and what is said of everything else."""

from pathlib import Path

import pytest

from harness.cli.scenario import load_selected
from harness.cli.usage import UsageError
from harness.scenario import ScenarioError
from tests.test_scenario import loaded, refusal

NAME = 'name = "grid"\n'
TOPOLOGY = """
[[topology]]
name = "shop"
command = ["serve", "--threads={threads}", "-k", "{worker_class}", "{{literal}}", "{port}"]
env = { THREADS = "{threads} of {workers}", DATABASE = "{env:DATABASE}" }
[topology.grid]
"""
GRID = NAME + TOPOLOGY + 'workers = [1, 4]\nthreads = [1, 8]\nworker_class = ["sync", "a thread/each"]\n'


def test_each_combination_is_a_topology_with_its_values_in_command_and_environment(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, GRID)
    assert [each.name for each in scenario.topologies][:3] == [
        "shop-1workers-1threads-sync",
        "shop-1workers-1threads-a-thread-each",
        "shop-1workers-8threads-sync",
    ]
    last = scenario.topologies[-1]
    assert last.command == ("serve", "--threads=8", "-k", "a thread/each", "{{literal}}", "{port}")
    assert last.env == {"THREADS": "8 of {workers}", "DATABASE": "{env:DATABASE}"}
    assert (last.workers, last.family) == (4, "shop-Nworkers-8threads-a-thread-each")
    assert last.cell is not None
    assert last.cell.values == {"workers": 4, "threads": 8, "worker_class": "a thread/each"}
    assert len(scenario.topologies) == 8
    assert scenario.baseline.name == "shop-1workers-1threads-sync"
    assert type(scenario).model_validate_json(scenario.model_dump_json(by_alias=True)) == scenario


def test_a_name_that_has_an_axis_does_not_get_it_twice(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, GRID.replace('"shop"', '"{worker_class}-{threads}"'))
    assert scenario.topologies[-1].name == "a-thread-each-8-4workers"


def test_an_axis_of_one_value_is_in_no_name(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, GRID.replace("[1, 8]", "[8]").replace('["sync", "a thread/each"]', '["sync"]'))
    assert [each.name for each in scenario.topologies] == ["shop-1workers", "shop-4workers"]


def test_a_name_keeps_the_sign_of_a_number(tmp_path: Path) -> None:
    scenario = loaded(
        tmp_path, GRID.replace("[1, 8]", "[-1, 1, -0.5]").replace('["sync", "a thread/each"]', '["-sync"]')
    )
    assert [each.name for each in scenario.topologies][:3] == [
        "shop-1workers-m1threads",
        "shop-1workers-1threads",
        "shop-1workers-m0.5threads",
    ]


def test_braces_in_a_value_are_no_placeholder(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, GRID.replace('"sync"', '"{port}"'))
    assert scenario.topologies[0].command[2:4] == ("-k", "{{port}}")


def test_cells_are_left_out_by_any_of_their_values(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, GRID + 'except = [{ workers = 4, threads = [1] }, { worker_class = "sync" }]\n')
    assert [each.name for each in scenario.topologies] == [
        "shop-1workers-1threads-a-thread-each",
        "shop-1workers-8threads-a-thread-each",
        "shop-4workers-8threads-a-thread-each",
    ]


def test_workers_may_stand_beside_the_grid_and_may_be_as_found(tmp_path: Path) -> None:
    plain = TOPOLOGY.replace("[topology.grid]", "workers = [2, 3]\n[topology.grid]").replace(" {worker_class}", "")
    plain = plain.replace('"{worker_class}", ', "")
    assert [each.workers for each in loaded(tmp_path, NAME + plain + "threads = [1, 8]\n").topologies] == [2, 3, 2, 3]
    found = plain.replace("[2, 3]", '"as found"').replace(" of {workers}", "")
    assert all(each.workers_as_found for each in loaded(tmp_path, NAME + found + "threads = [1, 8]\n").topologies)


def test_large_grids_race_unless_every_cell_is_asked_for(tmp_path: Path) -> None:
    assert loaded(tmp_path, GRID).is_race
    assert not loaded(tmp_path, GRID, race="off").is_race
    assert not loaded(tmp_path, GRID, rounds=5).is_race
    assert loaded(tmp_path, GRID, rounds=5, race="on").is_race
    assert not loaded(tmp_path, 'gate = { fail_on = ["p99 < 1s"] }\n' + GRID).is_race
    assert not loaded(tmp_path, GRID.replace("[1, 8]", "[8]")).is_race
    assert not loaded(tmp_path, GRID, race="on").with_malloc("both").is_race


@pytest.mark.parametrize(
    ("threads", "connections", "races"), [("[1, 8]", [1, 64], True), ("[1, 8, 9]", [1, 64, 512], False)]
)
def test_a_sweep_counts_the_cells_over_each_number_of_connections(
    tmp_path: Path, threads: str, connections: list[int], races: bool
) -> None:
    text = GRID.replace("[1, 8]", threads)
    text = text if races else text.replace("workers = [1, 4]", "workers = [2]")
    assert loaded(tmp_path, f"load = {{ grid = {{ connections = {connections} }} }}\n" + text).is_race is races


def test_numbers_of_workers_alone_do_not_race(tmp_path: Path) -> None:
    table = '[[topology]]\nname = "c"\ncommand = ["x", "{workers}", "{port}"]\n'
    assert not loaded(tmp_path, NAME + table + "workers = [1, 2, 3, 4, 5, 6, 7, 8]\n").is_race


AXES = 'threads = [1, 8]\nworker_class = ["sync"]\n'


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ("", "topology[0].grid: expected at least one axis, such as workers = [1, 2, 4]"),
        (AXES + "port = [1]\n", "topology[0].grid: expected axes that the harness does not fill by itself, got port"),
        (
            AXES + "Big = [1]\n",
            "topology[0].grid: expected names of axes in small letters, digits and _, got 'Big'",
        ),
        (AXES + "workers = [0]\n", "topology[0].grid: expected workers from 1 to 1024, got [0]"),
        (AXES + "unused = [1]\n", "topology[0]: expected {unused} in command or env, since [topology.grid] has unused"),
        (
            AXES.replace("[1, 8]", "8"),
            "topology[0].grid.threads: expected a list of at least one and at most 100 values, such as [1, 8], got 8",
        ),
        (AXES.replace("[1, 8]", '[1, "1"]'), "topology[0].grid.threads: expected different values, got [1, '1']"),
        (AXES.replace("[1, 8]", "[1, true]"), "topology[0].grid.threads: expected numbers or texts, got true"),
        (
            AXES + "except = [{ thread = 1 }, { threads = 9 }, {}]\n",
            "topology[0].grid: except[0]: expected an axis of the grid (threads, worker_class), got 'thread';"
            " except[1]: expected values that threads has, got 9; except[2]: expected the values of at least one axis",
        ),
        (
            AXES + "except = [{ threads = [1, 8] }]\n",
            "topology[0].grid: expected at least one cell that except does not leave out",
        ),
        (
            "".join(f"{name} = {list(range(30))}\n" for name in ("threads", "worker_class", "third")),
            "topology[0].grid: expected at most 10,000 combinations of values, got 27,000",
        ),
        (
            AXES.replace("[1, 8]", f"{list(range(99))}").replace('["sync"]', '["a", "b"]'),
            "topology: expected at most 100 topologies, got 198",
        ),
        (
            AXES.replace('["sync"]', '["a/b", "a?b"]'),
            "topology: expected different names, got shop-1threads-a-b, shop-8threads-a-b more than once",
        ),
    ],
)
def test_what_is_no_grid_is_told(tmp_path: Path, axes: str, said: str) -> None:
    text = NAME + TOPOLOGY.replace(" of {workers}", "") + axes
    assert refusal(tmp_path, text) == [said]


@pytest.mark.parametrize("axis", ["size = [1, 2]", "threads = [3, 4]"])
def test_two_tables_have_two_names(tmp_path: Path, axis: str) -> None:
    table = '[[topology]]\nname = "shop"\ncommand = ["x", "{AXIS}", "{port}"]\n[topology.grid]\n'
    other = '[[topology]]\nname = "raw"\ncommand = ["x", "{port}"]\n'
    second = table.replace("AXIS", axis.split()[0]) + axis
    text = NAME + table.replace("AXIS", "threads") + f"threads = [1, 2]\n{other}{second}\n"
    assert refusal(tmp_path, text) == [
        "topology: expected a name of its own for each table, got shop in topology[0] and topology[2]"
    ]


def test_workers_in_two_places_and_a_baseline_of_many_cells_are_told(tmp_path: Path) -> None:
    twice = GRID.replace("[topology.grid]", "workers = [2]\n[topology.grid]")
    assert refusal(tmp_path, twice) == [
        "topology[0]: expected workers in [topology.grid] or in [[topology]], not in both"
    ]
    many = GRID.replace("[topology.grid]", "baseline = true\n[topology.grid]")
    assert refusal(tmp_path, many) == [
        "topology[0]: expected one topology as the baseline, got one for each of 8 cells"
    ]


def test_except_in_another_table_is_told_its_place(tmp_path: Path) -> None:
    text = GRID.replace("[topology.grid]", "except = []\n[topology.grid]")
    assert refusal(tmp_path, text) == ["topology[0].except: unknown key here; it belongs in [topology.grid]"]


SWEPT = (
    NAME
    + "[load.grid]\nconnections = [8, 1]\n"
    + '[[topology]]\nname = "raw"\ncommand = ["x", "{port}"]\n'
    + '[[topology]]\nname = "c-{workers}"\nworkers = [2]\ncommand = ["x", "{workers}", "{port}"]\n'
)


def test_a_sweep_loads_each_topology_over_each_number_of_connections(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SWEPT)
    assert [(each.name, each.family, each.series, each.connections) for each in scenario.topologies] == [
        ("raw-c8", "raw-c8", "raw", 8),
        ("c-2-c8", "c-N-c8", "c-2", 8),
        ("raw-c1", "raw-c1", "raw", 1),
        ("c-2-c1", "c-N-c1", "c-2", 1),
    ]
    assert [(one.name, other.name) for one, other in scenario.pairs] == [
        ("raw-c8", "c-2-c8"),
        ("raw-c1", "c-2-c1"),
    ]
    loads = [scenario.load_of(each) for each in scenario.topologies]
    assert [(each.connections, each.threads) for each in loads] == [(8, 8), (8, 8), (1, 1), (1, 1)]
    assert [len(group) for group in scenario.groups] == [2, 2]
    assert scenario.reference == "raw"


def test_a_series_can_be_chosen_and_then_has_baselines(tmp_path: Path) -> None:
    alone = loaded(tmp_path, SWEPT).only(["c-2"])
    assert [(each.name, each.baseline) for each in alone.topologies] == [
        ("c-2-c8", True),
        ("c-2-c1", True),
    ]
    assert not alone.pairs


def test_a_named_baseline_is_one_over_each_number_of_connections(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SWEPT.replace("workers = [2]", "workers = [2]\nbaseline = true"))
    assert [other.name for _, other in scenario.pairs] == ["raw-c8", "raw-c1"]


def test_what_is_given_is_not_said_to_stand_in_the_file(tmp_path: Path) -> None:
    """Nor does it replace a part of what is no table there."""
    with pytest.raises(ScenarioError) as caught:
        loaded(tmp_path, SWEPT, **{"load.grid.connections": [1, "a"]})
    assert str(caught.value) == (
        f"{tmp_path}/scenario.toml: load.grid.connections[1]: expected a whole number, got 'a'"
    )
    with pytest.raises(ScenarioError) as caught:
        loaded(tmp_path, f"{NAME}[load]\ngrid = [1, 2]\n", **{"load.grid.connections": [1, 2]})
    assert str(caught.value) == (
        f"{tmp_path}/scenario.toml:3: load.grid: expected a table, since connections of it is given, got [1, 2]"
    )


def test_a_number_of_connections_beside_a_sweep_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "swept.toml"
    file.write_text(SWEPT)
    with pytest.raises(UsageError, match="--connections: expected --grid connections=N,N instead"):
        load_selected(file, {"load.connections": 500}, None)
    swept = load_selected(file, {"load.connections": None, "load.grid.connections": [2]}, None)
    assert [each.connections for each in swept.topologies] == [2, 2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[8, 1]", "[1, 1]"), "load.grid.connections: expected different numbers, such as [1, 8, 64], got [1, 1]"),
        (("[8, 1]", "[]"), "load.grid.connections: expected different numbers, such as [1, 8, 64], got []"),
        (("[8, 1]", "[0]"), "load.grid.connections[0]: expected greater than or equal to 1, got 0"),
        (
            ("[load.grid]", "[load]\nrate = 5\n[load.grid]"),
            "load: expected no rate and no stages, since grid is for a closed loop",
        ),
        (("[load.grid]", "[load]\nprocesses = 2\n[load.grid]"), "load: expected processes <= connections, got 2 > 1"),
        (
            ("[8, 1]", f"{list(range(1, 52))}"),
            "load.grid.connections: expected at most 100 topologies, got 2 of 51 numbers of connections each, 102",
        ),
    ],
)
def test_what_is_no_sweep_is_told(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert refusal(tmp_path, SWEPT.replace(*change)) == [said]
