"""A command and all that descends from it, which end with whoever started them, however that ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harness.errors import HarnessError
from harness.machine.helpers import EXCHANGE_S, end_process, limit_exchanges
from harness.server import guardian
from harness.server.ending import why_it_did_not_start
from harness.server.mark import ProcessMark

GRACE_S: Final = 5.0  # what a command gets to stop after SIGTERM
MOST_LOG_BYTES: Final = 16 * 1024 * 1024  # what is more is dropped within a tenth of a second
NUDGE_S: Final = 1.0  # a guardian that is silent for so long may have been stopped, and is told to go on
ENDED: Final = "its guardian has ended"
SILENT: Final = "its guardian does not answer"


class ServerError(HarnessError):
    """The server can't be measured: not started, not ready, not ours, gone. The message says which and why."""


class SupervisedProcess:
    """A command that was started in ``root`` by a guardian, see :mod:`harness.server.guardian`, on the given cores if
    any; what it says is appended to the log. Leaving the context stops it and all that descends from it, and removes
    its ``folder`` if it has one.

    No wait for the guardian is without a limit. One that was stopped is told to go on (SIGCONT); one that hangs is
    killed, and what it guarded is found by a mark, see :mod:`harness.server.mark`.

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
        self._mark = ProcessMark.new()
        self._pipe, child = Pipe()
        limit_exchanges(self._pipe)
        with child:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", guardian.__file__, str(child.fileno())],
                pass_fds=[child.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            self._mark.put_on(self._guardian.pid)  # as the cores, inherited by all that it will start
            if cpus:
                os.sched_setaffinity(self._guardian.pid, cpus)
            self._launch(command, env, root, log, folder)
        except (BrokenPipeError, ProcessLookupError) as error:  # somebody killed it before it was told anything
            self.stop()
            raise ServerError(ENDED) from error
        except BaseException:
            self.stop()
            raise

    @property
    def guardian_pid(self) -> int:
        """The process of which every process of the command is a descendant."""
        return self._guardian.pid

    def returncode(self) -> int | None:
        """How the launched process ended; None while it runs. Raises ServerError when it is guarded no more."""
        while self._returncode is None and not self._pipe.closed and self._pipe.poll():
            self._note(self._receive(time.monotonic()))
        return self._returncode

    def wait(self, limit_s: float) -> int:
        """Until the launched process has ended; return how. Raises ServerError when that takes longer."""
        deadline_s = time.monotonic() + limit_s
        while self._returncode is None:
            self._note(self._receive(deadline_s, f"was not over after {limit_s:g} s"))
        return self._returncode

    def watch(self) -> None:
        """From now on, note who is stopped. Raises ServerError."""
        self._ask(b"watch", "stopped_s", EXCHANGE_S)

    def stopped_s(self) -> dict[int, float]:
        """Return who was seen stopped since :meth:`watch`, by process id, and for about how long: processes of the
        command, this one, or the guardian, which did not watch meanwhile. Raises ServerError."""
        stopped_s: dict[str, float] = self._ask(b"report", "stopped_s", EXCHANGE_S)["stopped_s"]
        return {int(pid): seconds for pid, seconds in stopped_s.items()}

    def stop(self) -> None:
        """SIGTERM, some patience, SIGKILL; returns when no process of the command is left."""
        if self._pipe.closed:
            return
        patience_s = 0.0
        with contextlib.suppress(ServerError):  # nothing was launched, or the guardian has ended, or hangs
            event = self._ask(b"stop", "killed", GRACE_S + guardian.KILL_S + EXCHANGE_S)
            self.killed, self._returncode, patience_s = event["killed"], event["exited"], EXCHANGE_S
        self._pipe.close()
        end_process(self._guardian, patience_s)
        self.killed += self._mark.end_all()

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
        self._send(json.dumps(order).encode())
        answer = self._receive(time.monotonic() + EXCHANGE_S)
        if "error" in answer:
            why = why_it_did_not_start(answer["error"], command[0], root, env)
            raise ServerError(f"can't be started: {why}")
        self.pid = int(answer["pid"])

    def _ask(self, word: bytes, answer: str, limit_s: float) -> dict[str, Any]:
        """Return the event that has the ``answer``. Raises ServerError when none comes in time."""
        self._guardian.send_signal(signal.SIGCONT)
        self._send(word)
        deadline_s = time.monotonic() + limit_s
        while answer not in (event := self._receive(deadline_s)):
            self._note(event)
        return event

    def _note(self, event: Mapping[str, Any]) -> None:
        """Raises ServerError when the guardian has ended the command for a reason of its own."""
        if "exited" in event:
            self._returncode = event["exited"]
        if event.get("why"):
            raise ServerError(event["why"])

    def _send(self, message: bytes) -> None:
        """Raises ServerError when the guardian takes none."""
        try:
            self._pipe.send_bytes(message)
        except BrokenPipeError:  # it has ended already: what it told before says why
            pass
        except BlockingIOError as error:
            raise ServerError(SILENT) from error

    def _receive(self, deadline_s: float, otherwise: str = SILENT) -> dict[str, Any]:
        """Return the next event. Raises ServerError when none comes in time, ``otherwise``, or ever."""
        while not self._pipe.poll(max(0.0, min(NUDGE_S, deadline_s - time.monotonic()))):
            if time.monotonic() >= deadline_s:
                raise ServerError(otherwise)
            self._guardian.send_signal(signal.SIGCONT)
        try:
            event: dict[str, Any] = json.loads(self._pipe.recv_bytes())
        except (EOFError, ConnectionResetError) as error:
            raise ServerError(ENDED) from error
        except BlockingIOError as error:
            raise ServerError(SILENT) from error
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
