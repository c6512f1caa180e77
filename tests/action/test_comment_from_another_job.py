"""The second of two jobs: it renders what the first one left, and comments on the pull request that the event knows."""

from pathlib import Path
from typing import Final

import pytest

from tests.action.github import NUMBER, TOKEN, GitHub
from tests.action.job import COMMENTING, ROOT, Job

SHA: Final = "a" * 40
RENDERS: Final = """
[[ "$1 $2" == "report --format=github" ]]
echo "::set-output name=comments::/etc" >&2
[[ ! -e $3/bad ]] || exit 2
printf '<!-- harness: %s -->\\nslower' "$(basename "$3")"
exit 3
"""


@pytest.fixture
def job(tmp_path: Path, github: GitHub) -> Job:
    """After the run of somebody's branch, for which there is the pull request 7 among others."""
    github.pulls = [{"number": 3, "head": {"sha": "b" * 40}}, {"number": NUMBER, "head": {"sha": SHA}}]
    run = {
        "id": 42,
        "head_sha": SHA,
        "head_branch": "feature/$(touch gone)",
        "head_repository": {"owner": {"login": "x"}},
    }
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    action = ROOT / "action" / "comment"
    return Job(tmp_path, workspace, github.url, action, COMMENTING, event={"workflow_run": run})


def leave_run(job: Job, name: str) -> Path:
    """As download-artifact does, in a folder for each."""
    folder = job.folder / "harness-runs" / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    return folder


def test_each_run_is_rendered_here_and_told_under_the_pull_request_of_the_event(job: Job, github: GitHub) -> None:
    for name in ("one", "two", "three"):
        leave_run(job, name)
    (job.folder / "harness-runs" / "two" / "bad").touch()
    (job.folder / "harness-runs" / "three" / "number").write_text("3")
    (job.folder / "harness-runs" / "three" / "comment.md").write_text("<!-- harness: three -->\nIt is approved")
    assert job.run(RENDERS) == 0
    assert github.bodies == ["<!-- harness: one -->\nslower", "<!-- harness: three -->\nslower"]
    assert github.asked[0].endswith("/pulls?state=open&head=x%3Afeature%2F%24%28touch+gone%29&per_page=100")
    assert job.used["actions/download-artifact"] == {
        "pattern": "harness-*",
        "path": str(job.folder / "harness-runs"),
        "run-id": "42",
        "github-token": TOKEN,
    }
    assert list(job.workspace.iterdir()) == []
    assert TOKEN not in job.log + (job.folder / "env").read_text()
    said = [line for line in job.log.splitlines() if line.startswith("::")]
    assert [line.split("::")[1] for line in said[:2]] == ["stop-commands", "set-output name=comments"]


def test_a_run_that_left_nothing_is_not_told(job: Job, github: GitHub) -> None:
    (job.folder / "harness-runs").mkdir()
    assert job.run(RENDERS) == 0
    assert job.ran[-1] == ("Render the comments", 0)
    assert github.asked == []


def test_links_are_no_runs_and_few_of_many_are_told(job: Job, github: GitHub) -> None:
    leave_run(job, "real").joinpath("run.json").rename(job.folder / "elsewhere")
    (job.folder / "harness-runs" / "real" / "run.json").symlink_to(job.folder / "elsewhere")
    assert job.run(RENDERS) == 0
    assert github.asked == []
    for number in range(10):
        leave_run(job, str(number))
    assert job.run(RENDERS) == 0
    assert len(github.bodies) == 8
    assert "only 8 runs are told" in job.log
