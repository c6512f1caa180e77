"""The load loop in a forked process: a new interpreter would spend longer on its imports than on the load."""

import gc
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final

from harness.generator.crew import LocalCrew
from harness.generator.loop import LoadLoop
from harness.generator.merge import Collector
from harness.load.result import LoadResult
from harness.load.spec import Load

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


class _ThisProcess(LocalCrew):
    """This process as the only one of its crew."""

    @property
    def parts(self) -> int:
        return 1


def _run(pipe: Connection) -> None:
    gc.freeze()  # or the loop, which collects before it starts, would go through all that the tests ever made
    load: Load = pipe.recv()
    collector = Collector(load, _ThisProcess(0))
    part = LoadLoop(load, lambda event: deque(collector.take(0, event)), _never).run(time.monotonic_ns())
    (result,) = collector.take(0, part)
    pipe.send(result)


def _never() -> bool:
    """Nobody asks it to stop."""
    return False
