"""A generator that is stopped for a while says so, since neither its work nor its waiting shows it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from itertools import repeat
from typing import Final

import pytest

from harness.generator.process import Generator
from harness.generator.window import SAMPLE_NS
from harness.load.result import LoadResult, WindowBegan
from harness.load.spec import Arrivals
from harness.units import NS_PER_S
from tests.generator.accounting import assert_adds_up
from tests.generator.answers import SMALL, whole
from tests.generator.loads import short_load
from tests.generator.scripted_server import ScriptedServer

pytestmark = pytest.mark.alone  # it measures

WINDOW_S: Final = 0.8
LONG_S: Final = 60.0
AFTER_S: Final = 0.05  # once the window has begun, and between two rounds of chores
STOPPED_S: Final = 0.4
STALLED_S: Final = STOPPED_S - SAMPLE_NS / NS_PER_S  # it is missed first when its next chores are due


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Answers every request."""
    with ScriptedServer(repeat(whole(SMALL))) as server:
        yield server


def stop_for_a_while(pid: int) -> None:
    """Time passes for all but this process."""
    time.sleep(AFTER_S)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(STOPPED_S)
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("arrivals", [None, Arrivals(rate_per_s=100.0)], ids=["closed", "open"])
def test_one_of_two_processes_that_stood_still_is_enough(arrivals: Arrivals | None, server: ScriptedServer) -> None:
    result: LoadResult | None = None
    with Generator.here(processes=2) as generator:
        generator.begin(short_load(server.port, duration_s=WINDOW_S, warmup_s=0.02, arrivals=arrivals))
        for event in generator.events():
            if isinstance(event, WindowBegan):
                stopping = threading.Thread(target=stop_for_a_while, args=[generator.pids[1]])
                stopping.start()
            if isinstance(event, LoadResult):
                result = event
        stopping.join()
    assert result is not None
    assert STALLED_S <= result.stalled_s <= result.duration_s
    assert result.generator_bound
    assert "stalled" in {doubt.kind for doubt in result.doubts}
    assert_adds_up(result)


def test_what_stopped_before_the_window_is_forgotten(server: ScriptedServer) -> None:
    """The generator is stopped in its warm-up, and would say so if that were in the window."""
    with Generator.here() as generator:
        generator.begin(short_load(server.port, duration_s=0.1, warmup_s=STOPPED_S))
        stop_for_a_while(*generator.pids)
        result = generator.result()
    assert result.stalled_s < STALLED_S
