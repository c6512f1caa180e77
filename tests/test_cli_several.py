"""Several scenarios in one call: what each run records, and how the call ends."""

from pathlib import Path

import pytest

from harness.record import read_run
from tests.rehearsal.forms import SCENARIO, set_up_testbed
from tests.rehearsal.stage import rehearse
from tests.revisions.repository import Repository

QUICK = SCENARIO.replace("rounds = 6", "rounds = 2").split("[gate]")[0] + SCENARIO[SCENARIO.index("[[topology]]") :]


def test_each_run_can_be_repeated_without_the_other_scenarios(tmp_path: Path) -> None:
    with rehearse(tmp_path, set_up_testbed()) as stage, stage.undrawn():
        for name in ("one.toml", "two.toml"):
            stage.write(name, QUICK)
        assert stage.call("compare", "./one.toml", "two.toml", "--seed", "1", "--only", "raw,cluster-2").exit_code == 0
        runs = sorted(path for path in (tmp_path / "results").iterdir() if not path.is_symlink())
    assert [read_run(run).info.command for run in runs] == [
        "harness compare ./one.toml --seed 1 --only raw,cluster-2",
        "harness compare two.toml --seed 1 --only raw,cluster-2",
    ]


@pytest.mark.parametrize("form", ["html", "json", "csv", "junit"])
@pytest.mark.parametrize("verb", [["compare"], ["ab", "--base", "main"]])
def test_a_document_is_of_one_scenario(tmp_path: Path, verb: list[str], form: str) -> None:
    with rehearse(tmp_path, set_up_testbed()) as stage:
        for name in ("one.toml", "two.toml"):
            stage.write(name, QUICK)
        found = stage.call(*verb, "one.toml", "two.toml", "--format", form)
    assert found.exit_code == 2
    assert found.output == f"harness: --format {form}: expected one scenario, since it is one document, got 2\n"


def test_a_scenario_that_can_not_be_prepared_hides_no_slowdown_of_another(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "service")
    with rehearse(repository.path, set_up_testbed()) as stage, stage.undrawn():
        stage.write("slower.toml", SCENARIO)
        stage.write("broken.toml", f'prepare = ["false"]\n{QUICK}')
        repository.commit("Serve carts")
        sides = ("--base", "main", "--head", "main", "--only", "raw", "--out", "../results")
        assert stage.call("ab", "broken.toml", *sides).exit_code == 2
        assert stage.call("ab", "slower.toml", "broken.toml", *sides).exit_code == 3
