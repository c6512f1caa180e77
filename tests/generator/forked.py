"""The load loop in a forked process: a new interpreter would spend longer on its imports than on the load."""

import gc
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final

from harness.generator.load import Load
from harness.generator.loop import LoadLoop
from harness.generator.result import Event, LoadResult

PATIENCE_S: Final = 20.0

Offer = Callable[[Load], LoadResult]


@contextmanager
def forked_loop() -> Iterator[Offer]:
    """A process that waits for a load, to be entered before any server starts its threads; gone afterwards."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs,), daemon=True)
    process.start()
    theirs.close()

    def offer(load: Load) -> LoadResult:
        ours.send(load)
        assert ours.poll(load.warmup_s + load.duration_s + PATIENCE_S), "the load loop does not end"
        result = ours.recv()
        assert isinstance(result, LoadResult)
        return result

    try:
        yield offer
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


def _run(pipe: Connection) -> None:
    gc.freeze()  # or the loop, which collects before it starts, would go through all that the tests ever made
    pipe.send(LoadLoop(pipe.recv(), _ignore, _never).run())


def _ignore(event: Event) -> None:
    """The events are for the tests of the generator's own process."""


def _never() -> bool:
    """Nobody asks it to stop."""
    return False
