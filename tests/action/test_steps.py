"""The whole way of the Action, step by step: what is measured, what is left behind, and how the job ends."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.action.github import TOKEN, Answer, GitHub
from tests.action.job import MEASURES, ROOT, Job

SCENARIO: Final = "scenarios/cart.toml"
COMMENT: Final = "<!-- harness: cart -->\n### cart: did it get slower?"


def git(folder: Path, *arguments: str) -> str:
    """What it prints, by nobody's settings."""
    words = ["git", "-c", "user.name=somebody", "-c", "user.email=somebody@localhost", *arguments]
    env = {"GIT_CONFIG_GLOBAL": "/dev/null", "PATH": "/usr/bin:/bin"}
    return subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with three commits, of which the first has the tag v1."""
    folder = tmp_path_factory.mktemp("origin")
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number in range(1, 4):
        git(folder, "commit", "--quiet", "--allow-empty", f"--message={number}")
        if number == 1:
            git(folder, "tag", "v1")
    return folder


@pytest.fixture
def job(tmp_path: Path, origin: Path, github: GitHub) -> Job:
    """With a checkout of all commits."""
    return Job(tmp_path, origin, github.url)


def commit(origin: Path, name: str) -> str:
    """The sha that it has."""
    return git(origin, "rev-parse", name)


def test_a_broken_limit_fails_the_last_step_after_all_else_is_done(job: Job, github: GitHub) -> None:
    code = job.run(MEASURES + "exit 3", scenario=SCENARIO)
    assert code == 3
    assert job.ran == [
        ("Check the inputs and find the commits", 0),
        ("Set up Python", 0),
        ("Install harness", 0),
        ("Measure", 0),
        ("Upload the run", 0),
        ("Comment", 0),
        ("Judge", 3),
    ]
    assert github.bodies == [COMMENT]
    assert job.outputs["verdict"] == "gate-failed"
    assert Path(job.outputs["comment"]).read_text().strip() == COMMENT
    assert job.used["actions/upload-artifact"] == {
        "name": "harness-20261125T100000Z-cart",
        "path": job.outputs["run"],
    }
    assert Path(job.outputs["run"]).is_dir()
    assert not Path(job.outputs["run"]).is_symlink()
    assert "round 1 of 5" in job.log
    assert "::error title=harness::gate-failed (exit code 3)" in job.log
    assert TOKEN not in job.log + (job.folder / "env").read_text()


def test_what_can_not_be_told_is_a_warning(job: Job) -> None:
    assert job.run("exit 4", scenario=SCENARIO) == 0
    assert job.outputs["verdict"] == "inconclusive"
    assert "::warning title=harness::inconclusive (exit code 4)" in job.log


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(1, "run-failed"), (2, "usage-error"), (5, "not-measured"), (130, "interrupted"), (137, "crashed")],
)
def test_how_it_ended_is_told_in_a_word_and_by_the_same_exit_code(job: Job, code: int, verdict: str) -> None:
    assert job.run(f"exit {code}", scenario=SCENARIO) == code
    assert job.outputs == {"verdict": verdict, "run": "", "comment": ""}
    assert [name for name, _ in job.ran[3:]] == ["Measure", "Judge"]


def test_the_harness_is_installed_apart_with_the_versions_that_were_tested(job: Job) -> None:
    job.run("", scenario=SCENARIO)
    installed = (job.folder / "installed").read_text().splitlines()
    assert installed[-3:] == ["--constraint", str(ROOT / "constraints.txt"), str(ROOT)]
    assert job.used["actions/setup-python"] == {"python-version": "3.11", "update-environment": "False"}


def test_the_base_of_the_pull_request_is_measured_beside_the_working_tree(job: Job, origin: Path) -> None:
    job.run("", scenario=SCENARIO)
    assert job.asked[:3] == ["ab", f"--base={commit(origin, 'HEAD^')}", "--format=github"]
    assert job.asked[4:] == [SCENARIO]


def test_every_input_reaches_the_harness_as_it_is(job: Job, origin: Path) -> None:
    hostile = "p99 > $(touch gone) `touch gone` \"'; touch gone #"
    code = job.run(
        "",
        scenario="a; $(touch gone).toml",
        base="main^",
        head="v1",
        strict="true",
        interleave="$(touch gone) trials",
        malloc="`touch gone`",
        **{"max-time": "$(touch gone)", "fail-on": f"throughput < -5%\n\n   {hostile}  \n*"},
    )
    assert code == 0
    assert [word for word in job.asked if not word.startswith("--out=")] == [
        "ab",
        f"--base={commit(origin, 'main^')}",
        "--format=github",
        f"--head={commit(origin, 'v1')}",
        "--max-time=$(touch gone)",
        "--interleave=$(touch gone) trials",
        "--malloc=`touch gone`",
        "--strict",
        "--fail-on=throughput < -5%",
        f"--fail-on={hostile}",
        "--fail-on=*",
        "a; $(touch gone).toml",
    ]
    assert not (origin / "gone").exists()


@pytest.mark.parametrize("base", ["v1", "main", "sha"])
def test_commits_that_the_checkout_lacks_are_fetched(job: Job, origin: Path, tmp_path: Path, base: str) -> None:
    first = commit(origin, "v1")
    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-tags", f"file://{origin}", "shallow")
    job.workspace = tmp_path / "shallow"
    git(job.workspace, "checkout", "--quiet", "--detach")
    git(job.workspace, "branch", "--quiet", "--delete", "main")
    git(job.workspace, "update-ref", "-d", "refs/remotes/origin/main")
    assert job.run("", scenario=SCENARIO, base=first if base == "sha" else base, head=first) == 0
    expected = commit(origin, "main" if base == "main" else "v1")
    assert job.asked[1] == f"--base={expected}"
    assert f"--head={first}" in job.asked
    assert git(job.workspace, "cat-file", "-t", expected) == "commit"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"base": "gone"}, "base: no such commit, branch or tag here or at origin: gone"),
        ({"base": "-x\n::warning::y"}, r"base: no such commit, branch or tag here or at origin: $'-x\n::warning::y'"),
        ({"head": "gone"}, "head: no such commit, branch or tag here or at origin: gone"),
        ({"base": ""}, "base: has to be given where there is no pull request to take it from"),
        ({"strict": "yes"}, "strict: expected true or false, got yes"),
        ({"comment": ""}, "comment: expected true or false, got ''"),
    ],
    ids=str,
)
def test_inputs_that_can_not_be_used_are_told_before_anything_is_installed(
    job: Job, inputs: dict[str, str], message: str
) -> None:
    assert job.run(MEASURES, scenario=SCENARIO, **inputs) == 2
    assert f"::error title=harness::{message}\n" in job.log
    assert [name for name, _ in job.ran] == ["Check the inputs and find the commits"]
    assert job.outputs == {"verdict": "", "run": "", "comment": ""}


def test_without_a_pull_request_the_base_has_to_be_given(job: Job, github: GitHub) -> None:
    job.event = {"ref": "refs/heads/main"}
    assert job.run(MEASURES, scenario=SCENARIO) == 2
    assert job.run(MEASURES + "exit 3", scenario=SCENARIO, base="HEAD^") == 3
    assert "::notice title=harness::No comment: the event that started this job has no pull request" in job.log
    assert github.bodies == []


def test_no_comment_when_none_is_wanted(job: Job, github: GitHub) -> None:
    assert job.run(MEASURES + "exit 3", scenario=SCENARIO, comment="false") == 3
    assert github.asked == []


def test_a_pull_request_from_a_fork_is_judged_and_not_commented(job: Job, github: GitHub) -> None:
    github.instead = {"POST": [Answer(403, "Resource not accessible by integration")]}
    assert job.run(MEASURES, scenario=SCENARIO) == 0
    assert job.outputs["verdict"] == "passed"
    assert "::notice title=harness::No comment: " in job.log
    assert "::error" not in job.log


def test_a_comment_that_fails_does_not_keep_the_judgement_back(job: Job, github: GitHub) -> None:
    github.instead = {"POST": [Answer(404, "Not Found")]}
    assert job.run(MEASURES + "exit 3", scenario=SCENARIO) == 1
    assert job.ran[-2:] == [("Comment", 1), ("Judge", 3)]
