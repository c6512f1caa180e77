"""What the poll is told to wait for, as the kernel knows it: an event for nothing costs a read and an exception."""

import select
import time
from itertools import repeat
from pathlib import Path
from typing import Final

from harness.generator.process import Generator
from harness.load.result import WindowBegan
from tests.generator.answers import LARGE, SMALL, whole
from tests.generator.loads import short_load
from tests.generator.scripted_server import ScriptedServer

CONNECTIONS: Final = 2
LOOKS, BETWEEN_LOOKS_S = 5, 0.02


def watched_sockets(pid: int) -> list[int]:
    """The events that the process waits for on each of its sockets: those of which the end (EPOLLRDHUP) is one."""
    infos = [file.read_text() for file in Path(f"/proc/{pid}/fdinfo").iterdir()]
    lines = [line.split() for info in infos for line in info.splitlines() if line.startswith("tfd:")]
    masks = [int(line[3], 16) for line in lines]
    return [mask for mask in masks if mask & select.EPOLLRDHUP]


def looked_at(server: ScriptedServer, **changes: object) -> list[int]:
    """What was waited for on all connections, looked at a few times in the middle of a load."""
    masks: list[int] = []
    with Generator.here() as generator:
        generator.begin(short_load(server.port, connections=CONNECTIONS, warmup_s=0.1, duration_s=0.3, **changes))
        for event in generator.events():
            if isinstance(event, WindowBegan):
                for _ in range(LOOKS):
                    masks += watched_sockets(generator.pids[0])
                    time.sleep(BETWEEN_LOOKS_S)
    return masks


def test_who_reads_does_not_wait_for_room() -> None:
    with ScriptedServer(repeat(whole(LARGE))) as server:
        masks = looked_at(server)
    assert len(masks) == LOOKS * CONNECTIONS
    assert not any(mask & select.EPOLLOUT for mask in masks)


def test_who_could_not_send_all_waits_for_room() -> None:
    with ScriptedServer(repeat(whole(SMALL)), slow=True) as server:
        masks = looked_at(server, method="POST", body=b"x" * 20_000_000)
    assert len(masks) == LOOKS * CONNECTIONS
    assert any(mask & select.EPOLLOUT for mask in masks)
