"""A job of GitHub's that uses the Action: its steps are run as a runner would, from action.yml as it is.

Other actions are not run, but noted. Python is made up as far as it makes virtual environments and installs.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.action.github import NUMBER, REPOSITORY, TOKEN

ROOT: Final = Path(__file__).parents[2]
ACTION: Final[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
COMMENTING: Final[dict[str, Any]] = yaml.safe_load((ROOT / "action/comment/action.yml").read_text(encoding="utf-8"))
STEPS: Final[list[dict[str, Any]]] = ACTION["runs"]["steps"]
BASH: Final = ("bash", "--noprofile", "--norc", "-eo", "pipefail")  # as a runner calls it
EXPRESSION: Final = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
CONTEXT: Final = re.compile(r"\b(?:inputs|steps|github)\.[\w.-]+")

# Makes what is asked of it, and afterwards is the Python of these tests.
PYTHON: Final = f"""#!/usr/bin/env bash
set -euo pipefail
case "$1 $2" in
"-m venv")
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    cp "$RUNNER_TEMP/harness-stub" "$3/bin/harness"
    ;;
"-m pip") printf '%s\\n' "${{@:3}}" >"$RUNNER_TEMP/installed" ;;
*) exec {sys.executable} "$@" ;;
esac
"""

# What `harness ab` does for its caller, without measuring.
HARNESS: Final = """#!/usr/bin/env bash
printf '%s\\0' "$@" >"$RUNNER_TEMP/asked"
env >"$RUNNER_TEMP/env"
for word in "$@"; do
    [[ $word != --out=* ]] || out=${word#--out=}
done
"""
MEASURES: Final = """
mkdir "$out/20261125T100000Z-cart"
ln -s 20261125T100000Z-cart "$out/latest"
echo "round 1 of 5" >&2
printf '<!-- harness: cart -->\\n### cart: did it get slower?\\n'
"""


@dataclass
class Job:
    """``folder`` is the runner's temporary one, ``workspace`` the checkout, ``action`` where the action lies that is
    ``definition``, ``env`` what steps before it have set, and what its own steps set for later ones."""

    folder: Path
    workspace: Path
    api_url: str = "http://127.0.0.1:9"
    action: Path = ROOT
    definition: Mapping[str, Any] = field(default_factory=lambda: ACTION)
    env: dict[str, str] = field(default_factory=dict)
    event: Mapping[str, Any] = field(
        default_factory=lambda: {"pull_request": {"number": NUMBER, "base": {"sha": "HEAD^"}}}
    )
    steps: dict[str, dict[str, str]] = field(default_factory=dict)  # the outputs of each
    ran: list[tuple[str, int]] = field(default_factory=list)  # each step that was not left out, and how it ended
    used: dict[str, dict[str, str]] = field(default_factory=dict)  # other actions, and with what
    log: str = ""

    def run(self, script: str, **inputs: str) -> int:
        """The exit code of the action, with a harness that does as the script says."""
        self._write("harness-stub", HARNESS + script)
        self._write("python", PYTHON)
        self._write("event.json", json.dumps(self.event))
        self.steps = {"python": {"python-path": str(self.folder / "python")}}
        given = {name: self._filled(str(each.get("default", "")), {}) for name, each in self._inputs()}
        failure = 0
        for step in self.definition["runs"]["steps"]:
            if self._is_run(step, given | inputs, failure):
                code = self._step(step, given | inputs)
                self.ran.append((step["name"], code))
                failure = failure or code
        return failure

    @property
    def outputs(self) -> dict[str, str]:
        """Of the action."""
        return {name: self._filled(each["value"], {}) for name, each in ACTION["outputs"].items()}

    @property
    def asked(self) -> list[str]:
        """Of the harness."""
        return (self.folder / "asked").read_text(encoding="utf-8").split("\0")[:-1]

    def _inputs(self) -> Iterable[tuple[str, dict[str, Any]]]:
        inputs: dict[str, dict[str, Any]] = self.definition["inputs"]
        return inputs.items()

    def _is_run(self, step: Mapping[str, Any], inputs: Mapping[str, str], failure: int) -> bool:
        """Only after success, unless the condition asks for it; which is Python too, but for three signs."""
        condition = EXPRESSION.sub(r"\1", step.get("if", "success()"))
        if "cancelled()" not in condition and failure:
            return False
        python = condition.replace("!cancelled()", "True").replace("success()", "True").replace("&&", "and")
        return bool(eval(CONTEXT.sub(lambda match: repr(self._value(match[0], inputs)), python)))

    def _step(self, step: Mapping[str, Any], inputs: Mapping[str, str]) -> int:
        if "uses" in step:
            self.used[step["uses"].partition("@")[0]] = {
                name: self._filled(str(value), inputs) for name, value in step["with"].items()
            }
            return 0
        files = {name: self.folder / name.lower() for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")}
        for file in files.values():
            file.write_text("")
        given = {name: self._filled(value, inputs) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            [*BASH, self._write("step.sh", step["run"])],
            cwd=self.workspace,
            env=self._env() | {name: str(file) for name, file in files.items()} | given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log += done.stdout
        self.steps[step.get("id", "")] = _variables(files["GITHUB_OUTPUT"])
        self.env |= _variables(files["GITHUB_ENV"])
        for folder in files["GITHUB_PATH"].read_text(encoding="utf-8").splitlines():
            self.env["PATH"] = f"{folder}:{self.env.get('PATH', os.environ['PATH'])}"
        return done.returncode

    def _env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            **self.env,
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_API_URL": self.api_url,
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "RUNNER_TEMP": str(self.folder),
        }

    def _filled(self, text: str, inputs: Mapping[str, str]) -> str:
        return EXPRESSION.sub(lambda match: self._value(match[1], inputs), text)

    def _value(self, context: str, inputs: Mapping[str, str]) -> str:
        """Of ``inputs.scenario``, ``steps.measure.outputs.run`` and the like; empty when there is none."""
        kind, _, name = context.partition(".")
        if kind == "inputs":
            return inputs[name]
        if kind == "steps":
            step, _, output = name.partition(".outputs.")
            return self.steps.get(step, {}).get(output, "")
        if name == "token":
            return TOKEN
        if context == "runner.temp":
            return str(self.folder)
        value: Any = {"event": self.event}
        for key in name.split("."):
            value = value.get(key, {})
        return str(value or "")

    def _write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return str(path)


def _variables(file: Path) -> dict[str, str]:
    """What a step wrote into it, a line each."""
    return dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines())
