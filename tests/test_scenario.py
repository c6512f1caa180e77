"""Scenario files: what is accepted, and what is said of everything else."""

from pathlib import Path
from typing import Any

import pytest

from harness.scenario import Scenario, ScenarioError, load_scenario

ROOT = Path(__file__).parent.parent
SMALLEST = """
name = "small"
[[topology]]
name = "raw"
command = ["server", "--port", "{port}"]
"""


def loaded(tmp_path: Path, text: str, **overrides: Any) -> Scenario:
    file = tmp_path / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    return load_scenario(file, overrides)


def refusal(tmp_path: Path, text: str) -> list[str]:
    """The reasons given, a line each, without the file's name, which every one of them begins with."""
    with pytest.raises(ScenarioError) as caught:
        loaded(tmp_path, text)
    lines = str(caught.value).splitlines()
    file = f"{tmp_path / 'scenario.toml'}: "
    assert all(line.startswith(file) for line in lines)
    return [line.removeprefix(file) for line in lines]


def test_the_smallest_scenario_has_a_baseline_and_wrks_load(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SMALLEST)
    assert scenario.baseline.name == "raw"
    assert (scenario.load.connections, scenario.load.threads, scenario.load.timeout_s) == (40, 20, 2.0)


def test_workers_expand_into_one_topology_each(tmp_path: Path) -> None:
    scenario = loaded(
        tmp_path,
        SMALLEST + '[[topology]]\nname = "c-{workers}"\nworkers = [1, 2, 4]\ncommand = ["c", "{workers}", "{port}"]',
    )
    assert [(t.name, t.workers, t.family) for t in scenario.topologies] == [
        ("raw", None, "raw"),
        ("c-1", 1, "c-N"),
        ("c-2", 2, "c-N"),
        ("c-4", 4, "c-N"),
    ]
    assert scenario.topologies[2].filled("{workers} at {host}:{port}", {"host": "h", "port": 1}) == "2 at h:1"


def test_workers_can_be_taken_as_found(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SMALLEST + 'workers = "as found"')
    assert (scenario.baseline.workers, scenario.baseline.workers_as_found) == (None, True)
    assert Scenario.model_validate_json(scenario.model_dump_json(by_alias=True)) == scenario


@pytest.mark.parametrize("workers", ['"as it is"', "4", "true"])
def test_workers_of_any_other_kind_are_refused(tmp_path: Path, workers: str) -> None:
    (reason,) = refusal(tmp_path, SMALLEST + f"workers = {workers}")
    assert reason.startswith("topology[0].workers: expected a list of numbers such as [1, 2, 4], or 'as found', got")


def test_workers_as_found_fill_no_placeholder(tmp_path: Path) -> None:
    (reason,) = refusal(tmp_path, SMALLEST + 'env = { N = "{workers}" }\nworkers = "as found"')
    assert reason.endswith("expected workers = [N, ...], since {workers} is used")


def test_every_error_is_told_at_once_with_its_key(tmp_path: Path) -> None:
    reasons = refusal(
        tmp_path,
        """
        name = "no spaces please"
        rounds = 0
        colour = "red"
        [load]
        path = "cart"
        warmup = "a fortnight"
        connections = "40"
        duraton = "3s"
        [[topology]]
        name = "a"
        command = ["a", "{port}", "{what}"]
        [[topology]]
        name = "b"
        workers = [0]
        command = "b {port}"
        [[topology]]
        name = "c"
        command = ["c"]
        """,
    )
    keys = [reason.split(":")[0] for reason in reasons]
    assert sorted(keys) == sorted(
        [
            "name",
            "rounds",
            "colour",
            "load.path",
            "load.warmup",
            "load.connections",
            "load.duraton",
            "topology[0].command",
            "topology[1].workers[0]",
            "topology[1].command",
            "topology[2]",
        ]
    )
    assert "rounds: expected greater than or equal to 1, got 0" in reasons
    assert "load.duraton: unknown key; expected one of path, method" in "\n".join(reasons)
    assert (
        "topology[0].command: expected placeholders among {python}, {host}, {port}, {workers}, {root}, got {what}"
        in reasons
    )
    assert "topology[2]: expected {port} in command or env, or a fixed port = N" in reasons


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ("", "topology: expected, but missing"),
        ('[[topology]]\nname = "a"\ncommand = ["a", "{port}"]\n' * 2, "expected different names, got a more than once"),
        (
            f'[[topology]]\nname = "a-{{workers}}"\nworkers = {list(range(1, 102))}\ncommand = ["a", "{{port}}"]\n',
            "expected at most 100 topologies, got 101",
        ),
        (
            '[[topology]]\nname = "a"\nbaseline = true\ncommand = ["a", "{port}"]\n'
            '[[topology]]\nname = "b"\nbaseline = true\ncommand = ["a", "{port}"]\n',
            "expected at most one baseline = true",
        ),
        ('[[topology]]\nname = "a"\ncommand = ["{workers}", "{port}"]\n', "expected workers = [N, ...]"),
        ('[[topology]]\nname = "a"\nworkers = [1, 2]\ncommand = ["{port}"]\n', "expected {workers} in name"),
        ('[[topology]]\nname = "../a"\ncommand = ["{port}"]\n', "expected to match pattern"),
        ('[[topology]]\nname = "a"\ncommand = ["{port"]\n', "topology[0].command"),
        ('[load]\nthreads = 9\nconnections = 8\n[[topology]]\nname = "a"\ncommand = ["{port}"]\n', "threads <= conn"),
    ],
)
def test_tables_that_do_not_fit_together(tmp_path: Path, tables: str, reason: str) -> None:
    assert reason in "\n".join(refusal(tmp_path, 'name = "x"\n' + tables))


def test_rounds_go_on_until_sure_unless_a_number_is_given(tmp_path: Path) -> None:
    assert loaded(tmp_path, SMALLEST).rounds is None
    assert loaded(tmp_path, 'rounds = "auto"' + SMALLEST).rounds is None
    assert loaded(tmp_path, "rounds = 7" + SMALLEST).rounds == 7
    scenario = loaded(tmp_path, 'precision = "1%"\nmargin = "0.5%"\nmax_time = "90s"' + SMALLEST)
    assert (scenario.precision, scenario.margin, scenario.max_time_s) == (0.01, 0.005, 90.0)


@pytest.mark.parametrize("line", ['rounds = "sure"', 'precision = "0%"', 'margin = "100%"', "max_time = 0"])
def test_settings_of_the_rounds_that_make_no_sense_are_refused(tmp_path: Path, line: str) -> None:
    (reason,) = refusal(tmp_path, line + SMALLEST)
    assert reason.startswith(f"{line.split()[0]}: expected")


@pytest.mark.parametrize("text", ["x = " + "[" * 50_000, "[" + "a." * 10_000 + "a]", 'x = "' + "y" * 2**20 + '"'])
def test_files_that_nobody_would_write_are_refused_in_short_lines(tmp_path: Path, text: str) -> None:
    assert all(len(reason) < 300 for reason in refusal(tmp_path, text))


@pytest.mark.parametrize(
    "line",
    [
        'name = "a\\u0000b"',
        'name = "a\\u001b[31m"',
        'name = "../../etc"',
        'name = "/etc/passwd"',
        "rounds = -1",
        "rounds = 1000000000",
        'max_time = "999999999h"',
        "max_time = -3",
        "precision = inf",
        "start_timeout = nan",
        "rounds = 9223372036854775808",
    ],
)
def test_values_that_no_run_could_have_are_refused(tmp_path: Path, line: str) -> None:
    text = SMALLEST.replace('name = "small"', "") if line.startswith("name") else SMALLEST
    (reason,) = refusal(tmp_path, line + text)
    assert reason.startswith(f"{line.split()[0]}: ")
    assert "\x1b" not in reason


def test_secrets_are_used_but_never_written_down(tmp_path: Path) -> None:
    scenario = loaded(
        tmp_path, SMALLEST + 'env = { API_TOKEN = "hunter2", DB_PASSWORD = "hunter3", CART_COUPONS = "6" }\n'
    )
    assert scenario.topologies[0].env["API_TOKEN"] == "hunter2"
    text = scenario.model_dump_json()
    assert "hunter" not in text
    assert '"API_TOKEN":"(redacted)"' in text
    assert '"CART_COUPONS":"6"' in text


@pytest.mark.parametrize("names", ['["A B"]', '["1A"]', '[""]', '"HOME"'])
def test_names_that_no_variable_has_are_refused(tmp_path: Path, names: str) -> None:
    (reason,) = refusal(tmp_path, SMALLEST + f"pass_env = {names}\n")
    assert reason.startswith("topology[0].pass_env")


def test_what_is_not_toml_names_the_line(tmp_path: Path) -> None:
    assert "line 2" in refusal(tmp_path, 'name = "x"\nrounds = = 3\n')[0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: No such file"):
        load_scenario(tmp_path / "nowhere.toml")


def test_overrides_win_and_are_checked(tmp_path: Path) -> None:
    assert loaded(tmp_path, SMALLEST, **{"load.duration": 0.5, "rounds": 7}).load.duration_s == 0.5
    with pytest.raises(ScenarioError, match="rounds"):
        loaded(tmp_path, SMALLEST, rounds=0)


def test_only_keeps_the_named_ones_and_a_baseline(tmp_path: Path) -> None:
    scenario = load_scenario(ROOT / "scenarios/cart.toml")
    assert scenario.only(["raw", "cluster-2"]).baseline.name == "raw"
    assert scenario.only(["cluster-2", "cluster-4"]).baseline.name == "cluster-2"
    with pytest.raises(ScenarioError, match="no topology named cluster-3; there are: raw, cluster-1"):
        scenario.only(["cluster-3"])


@pytest.mark.parametrize("name", ["arrivals", "cart", "documented", "frameworks", "sleep_lock", "sqlite"])
def test_the_scenarios_that_are_shipped_are_sound_and_survive_being_written(name: str) -> None:
    scenario = load_scenario(ROOT / f"scenarios/{name}.toml")
    assert Scenario.model_validate_json(scenario.model_dump_json(by_alias=True)) == scenario


def test_the_documented_figures_are_all_there() -> None:
    scenario = load_scenario(ROOT / "scenarios/documented.toml")
    rates = [(figure.topology, figure.requests_per_s) for figure in scenario.documented]
    assert rates == [
        ("raw", 30.92),
        ("raw", 37.27),
        ("cluster-1", 36.27),
        ("cluster-1", 35.52),
        ("cluster-2", 51.72),
        ("cluster-2", 67.23),
        ("cluster-4", 65.24),
        ("cluster-4", 65.61),
    ]
