"""Programs of others that are asked something: their output is bytes, and none of them is waited for without end."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Final

GRACE_S: Final = 5.0  # for a program to put its things in order after SIGTERM, and for the kernel after SIGKILL


@dataclass(frozen=True)
class ToolOutput:
    """How a program ended (of a signal, negative) and what it wrote."""

    code: int
    output: bytes
    errors: bytes


def run_tool(
    words: Sequence[str], most_s: float, env: Mapping[str, str] | None = None, folder: str | None = None
) -> ToolOutput:
    """Run the program, in the folder if any, to its end and return what it wrote.

    Raises OSError when it can't be run, and TimeoutError when it had not ended after ``most_s``: then it is stopped,
    with all that it started in its session.
    """
    # Files, since the end of a pipe comes only when every descendant has closed it.
    with TemporaryFile() as output, TemporaryFile() as errors:
        process = subprocess.Popen(
            words,
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,  # a Ctrl-C is the caller's to handle, or half of its work would be left
        )
        try:
            code = process.wait(most_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"had not ended after {most_s:g} s, and was stopped") from error
        finally:
            if process.returncode is None:
                _stop(process)
        output.seek(0)
        errors.seek(0)
        return ToolOutput(code, output.read(), errors.read())


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Send SIGTERM, on which git takes its locks away, then SIGKILL to what is left of its session."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with contextlib.suppress(subprocess.TimeoutExpired):  # after SIGKILL: it is stuck in the kernel
            process.wait(GRACE_S)
