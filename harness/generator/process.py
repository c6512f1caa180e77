"""The generator seen from the process that asks for it: started, listened to, stopped."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import Pipe
from types import TracebackType
from typing import Final, Self

from harness.generator.load import Load
from harness.generator.result import EVENTS, Event, LoadResult

SLACK_S: Final = 20.0  # what starting, a last batch and the result may take beyond warm-up and window


class GeneratorError(Exception):
    """The generator ended without a result, or told nothing for too long."""


class Generator:
    """A process that generates one load: started at construction, at work from :meth:`begin` on.

    The kernel ends it with the thread that started it: start it from one that lives as long, such as the main one.
    Starting takes a few tenths of a second (imports), which a caller can let pass beside other work. Leaving the
    context ends the process.
    """

    def __init__(self) -> None:
        self._warmup_s = 0.0
        self._pipe, child = Pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in __exit__)
        with child:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness.generator", str(child.fileno()), str(os.getpid())],
                pass_fds=[child.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,  # a Ctrl-C at the terminal is the parent's to handle
            )

    def begin(self, load: Load) -> None:
        """Offer the load now. Once in a generator's life."""
        self._warmup_s = load.warmup_s
        with contextlib.suppress(BrokenPipeError):  # it has ended already: the events tell why
            self._pipe.send_bytes(load.model_dump_json().encode())

    @property
    def pid(self) -> int:
        """The process id of the generator."""
        return self._process.pid

    def events(self, patience_s: float = 1.0) -> Iterator[Event | None]:
        """What the generator tells, the LoadResult last; None whenever it told nothing for ``patience_s``.

        Raises GeneratorError when it ended without a result or stayed silent for longer than it can be busy.
        """
        silent_s, most_s = 0.0, self._warmup_s + SLACK_S
        while True:
            if self._pipe.poll(patience_s):
                silent_s = 0.0
                event = self._receive()
                yield event
                if isinstance(event, LoadResult):
                    return
            else:
                silent_s += patience_s
                if silent_s > most_s:
                    raise GeneratorError(f"the generator told nothing for {silent_s:.0f} s")
                yield None

    def result(self) -> LoadResult:
        """Wait for the end and return the result; the other events are passed over. Raises GeneratorError."""
        for event in self.events():
            if isinstance(event, LoadResult):
                return event
        raise GeneratorError("the generator ended without a result")

    def stop(self) -> None:
        """Ask it to end the window now; the events go on until the result."""
        with contextlib.suppress(BrokenPipeError):  # it has ended already
            self._pipe.send_bytes(b"stop")

    def _receive(self) -> Event:
        try:
            return EVENTS.validate_json(self._pipe.recv_bytes())
        except (EOFError, ConnectionResetError):
            exit_code, lines = self._process.wait(), self._said()
            raise GeneratorError(f"the generator ended: {lines[-1] if lines else f'exit code {exit_code}'}") from None

    def _said(self) -> list[str]:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip().splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()
        self._pipe.close()
