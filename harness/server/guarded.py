"""A command and all that descends from it, which end with whoever started them, however that ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harness.server import guardian
from harness.server.ending import why_it_did_not_start

GRACE_S: Final = 5.0  # what a command gets to stop after SIGTERM
MOST_LOG_BYTES: Final = 16 * 1024 * 1024  # what is more is dropped within a tenth of a second


class ServerError(Exception):
    """The server can't be measured: not started, not ready, not ours, gone. The message says which and why."""


class Guarded:
    """A command that was started in ``root`` by a guardian, see :mod:`harness.server.guardian`, on the given cores if
    any; what it says is appended to the log. Leaving the context stops it and all that descends from it, and removes
    its ``folder`` if it has one.

    Raises ServerError when it can't be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        root: str,
        log: Path,
        cpus: Sequence[int] = (),
        folder: str | None = None,
    ) -> None:
        self.pid: int | None = None  # of the launched process, which leads a session of its own
        self.killed = 0
        self._returncode: int | None = None
        self._pipe, child = Pipe()
        with child:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", guardian.__file__, str(child.fileno())],
                pass_fds=[child.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            if cpus:
                os.sched_setaffinity(self._guardian.pid, cpus)  # inherited by all that it will start
            self._launch(command, env, root, log, folder)
        except (BrokenPipeError, ProcessLookupError) as error:  # somebody killed it before it was told anything
            self.stop()
            raise ServerError("its guardian has ended") from error
        except BaseException:
            self.stop()
            raise

    @property
    def guardian_pid(self) -> int:
        """The process of which every process of the command is a descendant."""
        return self._guardian.pid

    def returncode(self) -> int | None:
        """How the launched process ended; None while it runs."""
        while self._returncode is None and not self._pipe.closed and self._pipe.poll():
            self._returncode = self._told().get("exited")
        return self._returncode

    def wait(self) -> int:
        """Until the launched process has ended; return how."""
        while self._returncode is None:
            self._returncode = self._told().get("exited")
        return self._returncode

    def stop(self) -> None:
        """SIGTERM, some patience, SIGKILL; returns when no process of the command is left."""
        if self._pipe.closed:
            return
        try:
            self._pipe.send_bytes(b"stop")
            while "killed" not in (event := self._told()):
                pass
            self.killed, self._returncode = event["killed"], event["exited"]
        except (OSError, ServerError):  # nothing was launched, or the guardian itself was killed
            if self.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
        self._pipe.close()
        self._guardian.wait()

    def _launch(self, command: Sequence[str], env: Mapping[str, str], root: str, log: Path, folder: str | None) -> None:
        order = {
            "command": list(command),
            "env": dict(env),
            "cwd": root,
            "log": str(log.absolute()),
            "most_log_bytes": MOST_LOG_BYTES,
            "grace_s": GRACE_S,
            "folder": folder,
        }
        self._pipe.send_bytes(json.dumps(order).encode())
        answer = self._told()
        if "error" in answer:
            why = why_it_did_not_start(answer["error"], command[0], root, env)
            raise ServerError(f"can't be started: {why}")
        self.pid = int(answer["pid"])

    def _told(self) -> dict[str, Any]:
        try:
            event: dict[str, Any] = json.loads(self._pipe.recv_bytes())
        except (EOFError, ConnectionResetError) as error:
            raise ServerError("its guardian has ended") from error
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
