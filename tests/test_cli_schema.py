"""The schema of scenario files: it takes what the harness takes, and refuses what no scenario has."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from harness.cli import app
from tests.test_scenario import SMALLEST
from tests.test_scenario_services import SERVICES, TOPOLOGY

SCENARIOS: Final = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))
ALL_KINDS: Final = """
rounds = "auto"
slice = "500ms"
margin = 0.02
max_time = 60
"""


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the verb prints."""
    done = CliRunner().invoke(app, ["schema"])
    assert done.exit_code == 0
    file = tmp_path_factory.mktemp("schema") / "scenario.schema.json"
    file.write_text(done.stdout)
    return file


def check(schema: Path, *files: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True)


def test_it_takes_every_scenario_of_the_repository_and_all_ways_to_write_a_value(schema: Path, tmp_path: Path) -> None:
    (tmp_path / "kinds.toml").write_text(ALL_KINDS + SMALLEST + 'workers = "as found"\n')
    (tmp_path / "services.toml").write_text(SERVICES + TOPOLOGY)
    done = check(schema, *SCENARIOS, tmp_path / "kinds.toml", tmp_path / "services.toml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("round = 3\n" + SMALLEST, "round"),
        ('rounds = "many"\n' + SMALLEST, "many"),
        (SMALLEST + "workers = 3\n", "workers"),
        (SMALLEST + "port = 70000\n", "70000"),
        ('name = "none"\n', "topology"),
    ],
)
def test_it_refuses_what_the_harness_refuses(schema: Path, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "odd.toml").write_text(text)
    done = check(schema, tmp_path / "odd.toml")
    assert done.returncode == 1
    assert said in done.stdout
