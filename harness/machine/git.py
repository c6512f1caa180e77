"""Git as a tool, whoever calls: its output is bytes, and neither a hook's variables nor the user's taste change it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.machine.tools import run_tool

MOST_S: Final = 600.0  # of one call: a checkout of a large repository takes minutes

# What says where git and its configuration are. The rest says which repository, index or objects are meant, as in a
# hook, or how output is to look.
_KEPT: Final = re.compile(
    "GIT_(EXEC_PATH|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_.*|VALUE_.*))"
)
_SETTINGS: Final = {
    "core.hooksPath": os.devnull,  # what a hook does after a checkout is for the working tree of its author
    "core.fsmonitor": "false",
    "log.showSignature": "false",
    "i18n.logOutputEncoding": "UTF-8",
}
_OPTIONS: Final = [
    *("--no-pager", "--no-optional-locks"),
    *(word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")),
]


class RevisionError(HarnessError):
    """A commit can't be measured. The message says which and why."""


def git(repository: Path, *arguments: str, env: Mapping[str, str] | None = None, most_s: float = MOST_S) -> str:
    """Return what the command prints, without the last line end; bytes that are no UTF-8 are kept as Python keeps those
    of file names. Raises RevisionError with git's own words, or when it has not ended after ``most_s``."""
    words = ["git", "-C", str(repository), *_OPTIONS, *arguments]
    own = {"LC_ALL": "C.UTF-8", "LANGUAGE": "", "GIT_TERMINAL_PROMPT": "0"}
    try:
        answer = run_tool(words, most_s, without_git_variables(os.environ) | own | dict(env or {}))
    except FileNotFoundError as error:
        raise RevisionError("git is needed, and not installed") from error
    except OSError as error:
        raise RevisionError(f"git {arguments[0]}: {error.strerror or error}") from error
    if answer.code:
        reason = _reason_in(answer.errors.decode(errors="replace")) or f"exit code {answer.code}"
        raise RevisionError(f"git {arguments[0]}: {reason}")
    return os.fsdecode(answer.output).removesuffix("\n")


def without_git_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what git tells its hooks, which is about another repository or index."""
    return {name: value for name, value in env.items() if not name.startswith("GIT_") or _KEPT.fullmatch(name)}


def _reason_in(said: str) -> str:
    """The error with all that belongs to it, such as what to do about it; else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    starts = [at for at, line in enumerate(lines) if line.startswith("fatal: ")]
    return "\n".join(lines[starts[0] if starts else -1 :]).removeprefix("fatal: ")
