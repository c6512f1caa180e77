"""Runs of external programs: their output is bytes, and every wait has a time limit."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Final

GRACE_S: Final = 5.0  # for a program to clean up after SIGTERM, and for the kernel after SIGKILL


@dataclass(frozen=True)
class ToolOutput:
    """The exit code of a program, negative for a signal, and what it wrote."""

    code: int
    output: bytes
    errors: bytes


def run_tool(
    words: Sequence[str], timeout_s: float, env: Mapping[str, str] | None = None, folder: str | None = None
) -> ToolOutput:
    """Run the program, in the folder if any, to its end and return what it wrote.

    Raises OSError when it can't be run, and TimeoutError when it has not ended after ``timeout_s``: then it is stopped,
    with all that it started in its session.
    """
    # Files, since a pipe reaches its end only when every descendant has closed it.
    with TemporaryFile() as output, TemporaryFile() as errors:
        process = subprocess.Popen(
            words,
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,  # a Ctrl-C is for the caller to handle: it must not leave the work half done
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"had not ended after {timeout_s:g} s, and was stopped") from error
        finally:
            if process.returncode is None:
                _stop(process)
        output.seek(0)
        errors.seek(0)
        return ToolOutput(code, output.read(), errors.read())


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Send SIGTERM, on which git removes its locks, then SIGKILL to what is left of the session."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with contextlib.suppress(subprocess.TimeoutExpired):  # after SIGKILL: it is stuck in the kernel
            process.wait(GRACE_S)
