"""The process that watches an agent: it starts it, ends with it, and kills it when it has been stopped for too long.

A process that was stopped (SIGSTOP) can't notice that its lease has run out.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.machine.lease import STOPPED_S, state_in

LOOK_S: Final = 0.5


def run_watched(words: Sequence[str]) -> int:
    """Run the agent with these arguments until it ends; return its exit code. It is killed when this process ends, and
    when it was stopped for too long. Its temporary files are in a folder that is removed afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="harness-agent-", ignore_cleanup_errors=True) as folder,
        subprocess.Popen(
            [sys.executable, "-m", "harness.fleet", *words],
            stdin=subprocess.DEVNULL,
            env=os.environ | {"TMPDIR": folder},
        ) as agent,
    ):
        try:
            stopped_s = 0.0
            while agent.poll() is None:
                time.sleep(LOOK_S)
                stopped_s = stopped_s + LOOK_S if _is_stopped(agent.pid) else 0.0
                if stopped_s > STOPPED_S:
                    break
        finally:
            agent.kill()
    return agent.returncode


def _is_stopped(pid: int) -> bool:
    try:
        return state_in(Path(f"/proc/{pid}/stat").read_bytes()) == b"T"
    except OSError:
        return False
