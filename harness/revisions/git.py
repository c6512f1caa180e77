"""Git, as its command line has it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


class RevisionError(Exception):
    """A commit can't be measured. The message says which and why."""


def git(repository: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """What the command prints, without the last line end. Raises RevisionError with git's own words."""
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments],
            env=os.environ | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            start_new_session=True,  # a Ctrl-C is the caller's to handle, or half of a checkout would be left
        )
    except FileNotFoundError as error:
        raise RevisionError("git is needed, and not installed") from error
    except subprocess.CalledProcessError as error:
        words = (error.stderr.strip() or f"exit code {error.returncode}").splitlines()[-1]
        raise RevisionError(f"git {arguments[0]}: {words.removeprefix('fatal: ')}") from error
    return done.stdout.removesuffix("\n")
