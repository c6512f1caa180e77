"""action.yml, the workflows and what the documents say of them, by the linters and schemas that there are, and ours."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from harness.scenario import load_scenario
from tests.action.job import ACTION, COMMENTING, EXPRESSION, ROOT, STEPS

WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS: Final = [ROOT / "action.yml", ROOT / "action" / "comment" / "action.yml"]
EXAMPLE: Final = ROOT / "docs" / "workflows" / "speed-comment.yml"
YAML: Final = [*ACTIONS, *WORKFLOWS]
SCRIPTS: Final = sorted((ROOT / "action").glob("*.sh"))
CI_SCRIPTS: Final = (*sorted((ROOT / ".ci").iterdir()), ROOT / "tests" / "real_servers" / "install")
EVERY_STEP: Final = [*STEPS, *COMMENTING["runs"]["steps"]]
PAGE: Final = (ROOT / "docs" / "pull-requests.md").read_text(encoding="utf-8")
PROGRAMS: Final = Path(sys.executable).parent


def check(*words: str | Path) -> None:
    """Run a linter, which has nothing to say."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


def loaded(file: Path) -> dict[Any, Any]:
    """The YAML of the file, in which ``on`` is True."""
    table = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert isinstance(table, dict)
    return table


def rows(heading: str) -> list[list[str]]:
    """The cells of the table with such a first cell, without its heading."""
    lines = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_schemas_allow_it() -> None:
    check(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.github-actions", *ACTIONS)
    check(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS, EXAMPLE)


def test_it_opens_no_way_in(tmp_path: Path) -> None:
    """Expansion into scripts, unpinned actions, permissions and credentials that are not needed, and the like."""
    example = tmp_path / EXAMPLE.name
    example.write_text(EXAMPLE.read_text().replace("COMMIT", f"{'0' * 39}1 # v1.0.0"))
    check(PROGRAMS / "zizmor", "--offline", "--persona=auditor", *YAML, example)


def test_the_scripts_are_sound(tmp_path: Path) -> None:
    inline = tmp_path / "inline.sh"
    inline.write_text("\n".join(["#!/usr/bin/env bash", "set -e", *(step.get("run", "") for step in EVERY_STEP)]))
    check(PROGRAMS / "shellcheck", *SCRIPTS, *CI_SCRIPTS, inline)
    assert all((ROOT / name).is_file() for name in re.findall(r"action/\w+\.sh", inline.read_text()))


@pytest.mark.parametrize("file", YAML, ids=lambda file: file.name)
def test_other_actions_are_pinned_to_a_commit_whose_version_is_told(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))
    assert used
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./ #.*", use) for use in used)


def test_one_action_has_one_version() -> None:
    used = re.findall(r"uses: (actions/\S+ # \S+)", "".join(file.read_text() for file in YAML) + PAGE)
    assert len(set(used)) == len({use.partition("@")[0] for use in used})


def test_every_step_is_allowed_in_a_composite_action() -> None:
    for step in EVERY_STEP:
        if "run" in step:
            assert step["shell"] == "bash", step
            assert step.keys() <= {"name", "id", "if", "shell", "env", "run"}
            assert not EXPRESSION.search(step["run"])
        else:
            assert step.keys() <= {"name", "id", "if", "uses", "with"}


def test_every_input_is_used_and_every_output_has_a_value() -> None:
    for definition in (ACTION, COMMENTING):
        used = set(re.findall(r"inputs\.([\w-]+)", str(definition["runs"])))
        assert used == set(definition["inputs"])
        assert all(each["description"] for each in definition["inputs"].values())
        assert all(each.get("required") or "default" in each for each in definition["inputs"].values())
    written = {f"{step['id']}.outputs.{name}" for step in STEPS if "id" in step for name in _outputs(step)}
    for output in ACTION["outputs"].values():
        assert output["value"].removeprefix("${{ steps.").removesuffix(" }}") in written


def _outputs(step: dict[str, Any]) -> list[str]:
    """That its script writes."""
    (script,) = re.findall(r"action/\w+\.sh", step.get("run", "")) or [None]
    return [] if script is None else re.findall(r'echo "(\w+)=', (ROOT / script).read_text())


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_may_do_no_more_than_they_need(file: Path) -> None:
    workflow = loaded(file)
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 60
        comments = any(step.get("uses") == "./" for step in job["steps"])
        assert job.get("permissions") == ({"contents": "read", "pull-requests": "write"} if comments else None)
    assert "pull_request_target" not in file.read_text()


def test_what_there_is_to_copy_is_what_this_repository_uses() -> None:
    (copied,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    own = (ROOT / ".github" / "workflows" / "pull-request.yml").read_text(encoding="utf-8")
    assert re.sub(r"uses: \./.*", "uses: OWNER/harness@COMMIT", own.partition("\n")[2]) == copied


def test_the_workflow_that_comments_follows_the_one_that_measures_and_may_do_nothing_else() -> None:
    """Nothing of the pull request is checked out: its one step is ours."""
    workflow = loaded(EXAMPLE)
    (job,) = workflow["jobs"].values()
    assert workflow["permissions"] == {}
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert [step["uses"] for step in job["steps"]] == ["OWNER/harness/action/comment@COMMIT"]
    assert workflow[True]["workflow_run"]["workflows"] == [loaded(ROOT / ".github/workflows/pull-request.yml")["name"]]
    assert "](workflows/speed-comment.yml)" in PAGE


def test_the_scenario_in_the_document_is_one(tmp_path: Path) -> None:
    (written,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "scenario.toml").write_text(written)
    assert load_scenario(tmp_path / "scenario.toml").topologies


def test_inputs_and_outputs_are_documented() -> None:
    assert [row[0].strip("`") for row in rows("input")] == list(ACTION["inputs"])
    assert [row[0].strip("`") for row in rows("output")] == list(ACTION["outputs"])


def test_verdicts_are_documented_with_their_exit_codes() -> None:
    written = re.findall(r"(\S+)\) echo (\S+) ;;", (ROOT / "action" / "measure.sh").read_text(encoding="utf-8"))
    documented = [(row[1].replace("any other", "*"), row[0].strip("`")) for row in rows("verdict")]
    assert documented == written
    words = re.findall(r"[\w-]+", ACTION["outputs"]["verdict"]["description"].replace(" or ", " "))
    assert words == [word for _, word in written]
