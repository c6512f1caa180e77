"""Git as a tool: its output does not depend on the variables of a hook or on the user's display settings."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.machine.tools import run_tool

DEFAULT_TIMEOUT_S: Final = 600.0  # for one call: a checkout of a large repository takes minutes

# Variables that say where git and its configuration are. The others select a repository, an index or objects, as in a
# hook, or change how output looks.
_KEPT: Final = re.compile(
    "GIT_(EXEC_PATH|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_.*|VALUE_.*))"
)
_SETTINGS: Final = {
    "core.hooksPath": os.devnull,  # hooks that run after a checkout are meant for the working tree of their author
    "core.fsmonitor": "false",
    "log.showSignature": "false",
    "i18n.logOutputEncoding": "UTF-8",
}
# The author of commits that are made for a measurement: with the same files it is the same commit whenever it is made.
NOBODY: Final = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "harness"), ("EMAIL", "harness@localhost"), ("DATE", "2000-01-01T00:00:00Z"))
}
_OPTIONS: Final = [
    *("--no-pager", "--no-optional-locks"),
    *(word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")),
]


class RevisionError(HarnessError):
    """A commit can't be measured. The message says which one and why."""


def run_git(
    repository: Path, *arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = DEFAULT_TIMEOUT_S
) -> str:
    """Run git and return what it prints, without the last line end. Bytes that are not UTF-8 are kept as in file names
    (os.fsdecode).

    Raises RevisionError with git's own words, or when git has not ended after ``timeout_s``.
    """
    words = ["git", "-C", str(repository), *_OPTIONS, *arguments]
    own = {"LC_ALL": "C.UTF-8", "LANGUAGE": "", "GIT_TERMINAL_PROMPT": "0"}
    try:
        answer = run_tool(words, timeout_s, without_git_variables(os.environ) | own | dict(env or {}))
    except FileNotFoundError as error:
        raise RevisionError("git is needed, and not installed") from error
    except OSError as error:
        raise RevisionError(f"git {arguments[0]}: {error.strerror or error}") from error
    if answer.code:
        reason = _find_reason(answer.errors.decode(errors="replace")) or f"exit code {answer.code}"
        raise RevisionError(f"git {arguments[0]}: {reason}")
    return os.fsdecode(answer.output).removesuffix("\n")


def without_git_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the variables that git sets for its hooks, which may mean another repository."""
    return {name: value for name, value in env.items() if not name.startswith("GIT_") or _KEPT.fullmatch(name)}


def _find_reason(text: str) -> str:
    """Return the error with all lines that follow it, such as advice; without an error, the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    starts = [at for at, line in enumerate(lines) if line.startswith("fatal: ")]
    return "\n".join(lines[starts[0] if starts else -1 :]).removeprefix("fatal: ")
