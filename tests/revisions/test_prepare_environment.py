"""A preparation gets of the caller's environment what a server would get, what it names itself, and nothing else."""

import os
from pathlib import Path

import pytest

from harness.measure.base_and_head import prepare_side_by_side
from harness.measure.revisions import RevisionError, checkouts, find_revision
from harness.measure.revisions.withheld import READ_BY_TOOLS
from harness.scenario import Scenario, ScenarioError, load_scenario
from tests.revisions.repository import Repository

SHOWS = ("sh", "-c", "env > given; echo built >> built")
SCENARIO = """
name = "page"
prepare = ["sh", "-c", "env > given"]
prepare_pass_env = ["OF_PREPARE"]

[[topology]]
name = "raw"
command = ["true", "{port}"]
env = { OF_THE_SERVER = "1" }
pass_env = ["OF_BOTH"]
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """One commit, and a job with more variables than anybody should see."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("OF_PREPARE", "OF_BOTH", "A_SECRET_OF_THE_JOB", "GITHUB_ENV", "RUNNER_TEMP", "PYTHONPATH"):
        monkeypatch.setenv(name, f"value of {name}")
    made = Repository(tmp_path / "repository")
    made.write("page", "one")
    made.commit("One")
    return made


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    """With variables for its preparation, its server and both."""
    file = tmp_path / "page.toml"
    file.write_text(SCENARIO)
    return load_scenario(file)


def given(folder: Path) -> dict[str, str]:
    """What it was given, less what a shell sets itself."""
    variables = dict(line.split("=", 1) for line in (folder / "given").read_text(errors="surrogateescape").splitlines())
    return {name: value for name, value in variables.items() if name not in ("PWD", "OLDPWD", "SHLVL", "_")}


def test_it_gets_what_servers_get_and_what_is_named_for_it_and_nothing_else(
    repository: Repository, scenario: Scenario
) -> None:
    here = find_revision(repository.path, "main")
    with prepare_side_by_side(scenario, repository.path, (here, here), seed=1) as prepared:
        root = prepared.scenario.topologies[0].side.root  # type: ignore[union-attr]
        variables = given(Path(root))
    assert variables.keys() - {"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "TMPDIR", "TZ", "USER"} == {
        "PATH",
        "OF_PREPARE",
        "OF_BOTH",
    }
    assert variables["OF_PREPARE"] == "value of OF_PREPARE"


def test_a_variable_that_is_to_be_handed_on_and_is_not_there_is_told(
    repository: Repository, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OF_PREPARE")
    here = find_revision(repository.path, "main")
    with (
        pytest.raises(ScenarioError, match="prepare_pass_env names OF_PREPARE, which the environment does not have"),
        prepare_side_by_side(scenario, repository.path, (here, here), seed=1),
    ):
        pass


def test_what_was_built_with_other_variables_is_made_anew(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = find_revision(repository.path, "main")
    for value in ("debug", "release", "debug", "no UTF-8: \udcff"):
        monkeypatch.setenv("MODE", value)
        with checkouts(repository.path, here, here, SHOWS, ("MODE",)) as (folder, _):
            assert given(folder)["MODE"] == value
            assert (folder / "built").read_text() == "built\n"


def test_a_preparation_that_fails_tells_what_it_was_not_given(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if READ_BY_TOOLS.fullmatch(name) and name != "XDG_CACHE_HOME"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@proxy")
    monkeypatch.setenv("npm_config_registry", "value of npm_config_registry")
    here = find_revision(repository.path, "main")
    with (
        pytest.raises(RevisionError, match="ended with 7:\nno registry\nof your environment it got PATH") as caught,
        checkouts(repository.path, here, here, ("sh", "-c", "echo no registry; exit 7"), ("npm_config_registry",)),
    ):
        pass
    assert str(caught.value).endswith(
        "npm_config_registry alone; prepare_pass_env names what else it is to get, such as HTTPS_PROXY, XDG_CACHE_HOME"
    )
