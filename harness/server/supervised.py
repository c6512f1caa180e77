"""A command that ends, with all its descendants, when the process that started it ends in whatever way."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harness.errors import HarnessError
from harness.machine.helpers import EXCHANGE_S, end_process, limit_exchanges
from harness.machine.limits import LimitGroup
from harness.machine.tools import run_tool
from harness.server import guardian
from harness.server.ending import explain_start_failure
from harness.server.mark import ProcessMark

GRACE_S: Final = 5.0  # the time that a command gets to end after SIGTERM
MAX_LOG_BYTES: Final = 16 * 1024 * 1024  # a longer log is truncated within a tenth of a second
NUDGE_S: Final = 1.0  # a guardian that is silent for so long may have been stopped: it gets a SIGCONT
ENDED: Final = "its guardian has ended"
SILENT: Final = "its guardian does not answer"


class ServerError(HarnessError):
    """The server can't be measured: not started, not ready, not the one launched, or ended. The message says why."""


@dataclass(frozen=True)
class CommandLine:
    """A command that is started: its words, its environment, and the words of the command that removes what it may
    leave behind, if it may."""

    words: Sequence[str]
    env: Mapping[str, str]
    removal: Sequence[str] = ()


class SupervisedProcess:
    """A command, or several that belong together, which a guardian starts in ``root`` and in their order, on the given
    cores if any; their output is appended to the log. All of them run in the control group of ``limits``, if any.

    See :mod:`harness.server.guardian`. Leaving the context stops the command and all its descendants, and removes its
    ``folder`` if it has one. With ``keeps_folder``, that is removed only where this process ends before the command.

    Every wait for the guardian has a limit. A guardian that was stopped gets a SIGCONT. One that hangs is killed, and
    the processes that it guarded are found by their mark, see :mod:`harness.server.mark`.

    Raises ServerError when the command can't be started.
    """

    def __init__(
        self,
        commands: Sequence[CommandLine],
        root: str,
        log: Path,
        cpus: Sequence[int] = (),
        folder: str | None = None,
        keeps_folder: bool = False,
        limits: LimitGroup | None = None,
    ) -> None:
        self.pid: int | None = None  # of the launched process, which leads a session of its own
        self.ended: int = 0  # the number of the command whose exit code is returned
        self.killed = 0
        self._returncode: int | None = None
        self._lines = commands
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
            self._mark.put_on(self._guardian.pid)  # inherited, as the cores are, by all that it will start
            if cpus:
                os.sched_setaffinity(self._guardian.pid, cpus)
            self._launch(commands, root, log, folder, keeps_folder, limits)
        except (BrokenPipeError, ProcessLookupError) as error:  # it was killed before it got a message
            self.stop()
            raise ServerError(ENDED) from error
        except BaseException:
            self.stop()
            raise

    @property
    def guardian_pid(self) -> int:
        """The pid of the guardian, of which every process of the command is a descendant."""
        return self._guardian.pid

    def returncode(self) -> int | None:
        """Return the exit code of the launched process, negative for a signal; None while it runs. Of several, it is
        that of the first that has ended.

        Raises ServerError when the guardian has ended or hangs.
        """
        while self._returncode is None and not self._pipe.closed and self._pipe.poll():
            self._note(self._receive(time.monotonic()))
        return self._returncode

    def wait(self, limit_s: float) -> int:
        """Wait until the launched process has ended; return its exit code, negative for a signal.

        Raises ServerError when it has not ended after ``limit_s``.
        """
        deadline_s = time.monotonic() + limit_s
        while self._returncode is None:
            self._note(self._receive(deadline_s, f"was not over after {limit_s:g} s"))
        return self._returncode

    def watch(self) -> None:
        """Begin to watch for stopped processes. Raises ServerError."""
        self._ask(b"watch", "stopped_s", EXCHANGE_S)

    def stopped_s(self) -> dict[int, float]:
        """Return for about how long processes were stopped since :meth:`watch` (s), by process id.

        They are processes of the command, this one, or the guardian, which sees no other while it is stopped. Raises
        ServerError.
        """
        stopped_s: dict[str, float] = self._ask(b"report", "stopped_s", EXCHANGE_S)["stopped_s"]
        return {int(pid): seconds for pid, seconds in stopped_s.items()}

    def stop(self) -> None:
        """Send SIGTERM, wait for a while, send SIGKILL; return when no process of the command is left."""
        if self._pipe.closed:
            return
        patience_s = 0.0
        with contextlib.suppress(ServerError):  # nothing was launched, or the guardian has ended or hangs
            event = self._ask(b"stop", "killed", GRACE_S + guardian.KILL_S + EXCHANGE_S)
            self.killed, patience_s = event["killed"], EXCHANGE_S
            self._note({"exited": event["exited"]})
        self._pipe.close()
        end_process(self._guardian, patience_s)
        self.killed += self._mark.kill_all()
        if not patience_s:
            self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        """Run the commands that remove what is left, which its guardian could not."""
        for command in self._lines:
            if command.removal:
                with contextlib.suppress(OSError, TimeoutError):  # what is left is in nobody's way
                    run_tool(command.removal, guardian.REMOVAL_S, command.env)

    def _launch(
        self,
        commands: Sequence[CommandLine],
        root: str,
        log: Path,
        folder: str | None,
        keeps_folder: bool,
        limits: LimitGroup | None,
    ) -> None:
        order = {
            "commands": [
                {"words": list(each.words), "env": dict(each.env), "removal": list(each.removal)} for each in commands
            ],
            "cwd": root,
            "log": str(log.absolute()),
            "max_log_bytes": MAX_LOG_BYTES,
            "grace_s": GRACE_S,
            "folder": folder,
            "keeps_folder": keeps_folder,
            "groups": list(map(str, limits.folders)) if limits else [],
            "groups_outside": list(map(str, limits.outside)) if limits else [],
        }
        self._send(json.dumps(order).encode())
        answer = self._receive(time.monotonic() + EXCHANGE_S)
        if "error" in answer:
            failed = commands[answer["command"]]
            why = explain_start_failure(answer["error"], failed.words[0], root, failed.env)
            raise ServerError(f"can't be started: {why}")
        self.pid = int(answer["pid"])

    def _ask(self, word: bytes, answer: str, limit_s: float) -> dict[str, Any]:
        """Send an order and return the first event with key ``answer``. Raises ServerError if none comes in time."""
        self._guardian.send_signal(signal.SIGCONT)
        self._send(word)
        deadline_s = time.monotonic() + limit_s
        while answer not in (event := self._receive(deadline_s)):
            self._note(event)
        return event

    def _note(self, event: Mapping[str, Any]) -> None:
        """Keep the exit code in an event. Raise ServerError when the guardian has stopped the command by itself."""
        if "exited" in event and self._returncode is None:
            self._returncode, self.ended = event["exited"], event.get("command", 0)
        if event.get("why"):
            raise ServerError(event["why"])

    def _send(self, message: bytes) -> None:
        """Send a message. Raises ServerError when the guardian does not read it in time."""
        try:
            self._pipe.send_bytes(message)
        except BrokenPipeError:  # it has ended: an event that it sent before says why
            pass
        except BlockingIOError as error:
            raise ServerError(SILENT) from error

    def _receive(self, deadline_s: float, otherwise: str = SILENT) -> dict[str, Any]:
        """Return the next event.

        Raises ServerError when none comes in time, with the message ``otherwise``, or when the guardian has ended.
        """
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
