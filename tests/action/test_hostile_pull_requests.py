"""What the code of a pull request leaves behind in the job does not run beside the token.

The stub of the harness stands for it: it runs as the same user, and may write whatever the runner may.
"""

import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from tests.action.github import TOKEN, GitHub
from tests.action.job import MEASURES, ROOT, STEPS, Job
from tests.action.test_steps import COMMENT, SCENARIO, git

# What runs is noted, with all that it could tell: of the processes above it too, as for instance env's.
EVIL_SHELL: Final = 'cat "/proc/$$/environ" "/proc/$$/cmdline" >>"{seen}"\n'
EVIL_PYTHON: Final = "open({seen!r}, 'ab').write(open('/proc/self/environ', 'rb').read())\n"
MODULES: Final = ("sitecustomize", "usercustomize", "json", "hashlib", "argparse", "action", "harness")


@pytest.fixture
def job(tmp_path: Path, github: GitHub) -> Job:
    """With a copy of the action, as each job has, and a checkout of two commits."""
    action = tmp_path / "action"
    shutil.copytree(ROOT / "action", action / "action", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "constraints.txt", action)
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    git(checkout, "init", "--quiet")
    for number in (1, 2):
        git(checkout, "commit", "--quiet", "--allow-empty", f"--message={number}")
    return Job(tmp_path, checkout, github.url, action)


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """Where hostile code notes what it sees."""
    return tmp_path / "seen"


@pytest.fixture
def evil(tmp_path: Path, seen: Path) -> Path:
    """A folder of programs and modules that note what they see."""
    folder = tmp_path / "evil"
    folder.mkdir()
    for module in MODULES:
        (folder / f"{module}.py").write_text(EVIL_PYTHON.format(seen=str(seen)))
    (folder / "start.sh").write_text(EVIL_SHELL.format(seen=seen))
    for program in ("bash", "env", "python3", "timeout"):
        (folder / program).write_text("#!/bin/sh\n" + EVIL_SHELL.format(seen=seen))
        (folder / program).chmod(0o755)
    return folder


def saw_the_token(seen: Path) -> bool:
    """Whether any of it had it; that any of it ran at all is not what is asked."""
    return seen.exists() and TOKEN.encode() in seen.read_bytes()


def test_what_it_puts_into_files_and_variables_of_the_job_does_not_run_beside_the_token(
    job: Job, github: GitHub, evil: Path, seen: Path
) -> None:
    """Modules in the checkout and in the environment of the harness, variables, paths and outputs for later steps."""
    hostile = f"""
cp {evil}/*.py "$PWD"
site=$("$RUNNER_TEMP/harness/bin/python" -c 'print("lib/python3.11/site-packages")')
mkdir -p "$RUNNER_TEMP/harness/$site"
cp {evil}/*.py "$RUNNER_TEMP/harness/$site"
echo "import sitecustomize" >"$RUNNER_TEMP/harness/$site/evil.pth"
cp {evil}/python3 "$RUNNER_TEMP/harness/bin/python"
printf '%s\\n' BASH_ENV={evil}/start.sh PYTHONPATH={evil} PYTHONHOME={evil} LD_PRELOAD=/x.so >>"$GITHUB_ENV"
echo {evil} >>"$GITHUB_PATH"
printf '%s\\n' comment={evil}/start.sh code=0 'swallows<<END' >>"$GITHUB_OUTPUT"
"""
    assert job.run(hostile + MEASURES + "exit 3", scenario=SCENARIO) == 3
    assert github.bodies == [COMMENT]
    assert not saw_the_token(seen)
    assert job.env == {}
    assert job.outputs["verdict"] == "gate-failed"


def test_nothing_is_loaded_into_the_shell_and_the_programs_that_come_before_the_token_is_used() -> None:
    (step,) = (step for step in STEPS if step["name"] == "Comment")
    loading = ("BASH_ENV", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_PRELOAD")
    assert {name: step["env"][name] for name in loading} == dict.fromkeys(loading, "")
    assert step["run"].startswith('/usr/bin/env -i "$PYTHON" -I -S -c ')


def test_outputs_that_it_writes_are_not_those_of_a_run_that_made_none(job: Job, github: GitHub, evil: Path) -> None:
    hostile = f"printf '%s\\n' run=/etc artifact=x comment={evil}/start.sh >>\"$GITHUB_OUTPUT\"\n"
    assert job.run(hostile + "exit 1", scenario=SCENARIO) == 1
    assert job.outputs == {"verdict": "run-failed", "run": "", "comment": ""}
    assert "actions/upload-artifact" not in job.used
    assert github.asked == []


def test_a_run_is_one_of_the_folder_that_was_made_for_it(job: Job) -> None:
    assert job.run('ln -s /etc "$out/latest"\n', scenario=SCENARIO) == 0
    assert job.outputs["run"] == ""


def test_what_earlier_steps_have_set_does_not_run_beside_the_token(
    job: Job, github: GitHub, evil: Path, seen: Path
) -> None:
    """As far as it can be kept where they ran code of the pull request: programs are those of the system."""
    (evil / "bash").unlink()  # which the runner itself looks for
    (job.workspace / "json.py").write_text((evil / "json.py").read_text())
    job.env = {
        "BASH_ENV": str(evil / "start.sh"),
        "BASH_FUNC_exec%%": "() { . " + str(evil / "start.sh") + "; }",
        "PYTHONPATH": str(evil),
        "PYTHONSTARTUP": str(evil / "json.py"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "PATH": f"{evil}:/usr/bin:/bin",
    }
    job.run(MEASURES, scenario=SCENARIO)
    assert job.ran[-2:] == [("Comment", 0), ("Judge", 0)]
    assert github.bodies == [COMMENT]
    assert not saw_the_token(seen)


@pytest.mark.parametrize(
    "change",
    [
        'cat {evil}/json.py >>"$GITHUB_ACTION_PATH/action/post_comment.py"',
        'cp {evil}/json.py "$GITHUB_ACTION_PATH/action/post_comment.py"',
        'ln -sf {evil}/json.py "$GITHUB_ACTION_PATH/action/post_comment.py"',
    ],
    ids=["added to", "replaced", "linked"],
)
def test_a_program_that_it_changed_is_not_run(job: Job, github: GitHub, evil: Path, seen: Path, change: str) -> None:
    assert job.run(change.format(evil=evil) + "\n" + MEASURES, scenario=SCENARIO) == 1
    assert job.ran[-2:] == [("Comment", 1), ("Judge", 0)]
    assert "::error title=harness::No comment: its program was changed since the job began" in job.log
    assert github.asked == []
    assert not seen.exists()


def test_what_it_prints_is_no_command_to_the_runner(job: Job) -> None:
    job.run('echo "::set-output name=comment::/etc/passwd" >&2', scenario=SCENARIO)
    before, printed, after = job.log.partition("::set-output name=comment::/etc/passwd\n")
    assert printed
    begin, word = before.splitlines()[-1].split("::")[1:]
    assert begin == "stop-commands"
    assert len(word) == 32
    assert after.startswith(f"::{word}::\n")


def test_the_token_is_in_no_command_line(job: Job, github: GitHub) -> None:
    """Which every user of the machine can read."""
    lines: list[bytes] = []
    answer = github.answer

    def look(method: str, target: str, sent: Any) -> tuple[int, Any, dict[str, str]]:
        lines.extend(read_or_nothing(file) for file in Path("/proc").glob("[0-9]*/cmdline"))
        return answer(method, target, sent)

    github.answer = look  # type: ignore[method-assign]
    assert job.run(MEASURES, scenario=SCENARIO) == 0
    assert any(b"post_comment.py" in line for line in lines)
    assert not any(TOKEN.encode() in line for line in lines)


def read_or_nothing(file: Path) -> bytes:
    """Of a process that may have ended."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
