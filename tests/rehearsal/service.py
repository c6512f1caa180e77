"""A service whose law is known, and what a load generator sees of it: queues are computed, and nothing is sent."""

import heapq
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]

MIB: Final = 2**20


@dataclass(frozen=True)
class Service:
    """The law of a server. Each worker serves one request at a time, in the order in which they came. Requests that an
    open loop sends wait for the worker that took them or, with ``is_shared_line``, for whichever is free first.

    ``mean_ms`` is the mean service time where there is one worker, of which ``cpu_share`` is CPU; it is exponential, or
    always the same. ``contention`` is what each further worker adds to it, as a share. ``slow_share`` of the requests
    take ``slow_ms`` longer. ``failing`` is the share that is answered with a 500. A worker is ready after ``start_s``,
    holds ``memory_bytes``, and keeps ``kept_bytes`` of each request. A service that is ``down`` never starts, for that
    reason.
    """

    mean_ms: float = 2.0
    is_constant: bool = False
    cpu_share: float = 0.9
    contention: float = 0.0
    slow_share: float = 0.0
    slow_ms: float = 0.0
    failing: float = 0.0
    start_s: float = 0.4
    memory_bytes: int = 40 * MIB
    kept_bytes: float = 0.0
    is_shared_line: bool = False
    down: str | None = None

    def draw_s(self, dice: np.random.Generator, number: int) -> Seconds:
        """Draw the service times of so many requests on a core of the usual speed (seconds)."""
        mean_s = self.mean_ms / 1000
        drawn = np.full(number, mean_s) if self.is_constant else dice.exponential(mean_s, number)
        is_slow = dice.random(number) < self.slow_share
        return np.asarray(drawn + is_slow * self.slow_ms / 1000, dtype=np.float64)

    @property
    def mean_s(self) -> float:
        """The mean service time of one worker, slow requests among them."""
        return (self.mean_ms + self.slow_share * self.slow_ms) / 1000


@dataclass(frozen=True)
class Window:
    """The measured part of a load, in seconds after the load began."""

    opens_s: float
    closes_s: float

    def split(self, row_s: float) -> list["Window"]:
        """Return the parts of this length, the last of which may be shorter."""
        opens_s = np.arange(self.opens_s, self.closes_s - 1e-6, row_s).tolist()
        return [Window(opened_s, min(opened_s + row_s, self.closes_s)) for opened_s in opens_s]

    def holds(self, moments_s: Seconds) -> npt.NDArray[np.bool_]:
        """Return which of the moments are within."""
        return (moments_s > self.opens_s) & (moments_s <= self.closes_s)


@dataclass(frozen=True)
class Requests:
    """When each request of one worker was due, sent and answered, and how long it was worked on (seconds); each array
    in the order in which they were due."""

    due_s: Seconds
    sent_s: Seconds
    done_s: Seconds
    work_s: Seconds

    @property
    def response_s(self) -> Seconds:
        """The times from when they were due."""
        return self.done_s - self.due_s


def serve_closed_loop(work_s: Seconds, connections: int) -> Requests:
    """Serve each connection's next request as soon as the one before was answered."""
    done_s = np.cumsum(work_s)
    due_s = _after(done_s, connections)
    return Requests(due_s, due_s, done_s, work_s)


def serve_open_loop(due_s: Seconds, work_s: Seconds, connections: int) -> Requests:
    """Serve requests that come whatever becomes of those before. One that finds no free connection waits for one.

    The answers follow Lindley's recursion, max(due, done before) + work, which cumulated sums solve at once.
    """
    worked_s = np.cumsum(work_s)
    done_s = worked_s + np.maximum.accumulate(due_s - (worked_s - work_s))
    return Requests(due_s, np.maximum(due_s, _after(done_s, connections)), done_s, work_s)


def serve_shared_line(due_s: Seconds, work_s: Seconds, connections: int, workers: int) -> list[Requests]:
    """Serve as :func:`serve_open_loop`, by several workers who take from one line; return the requests of each.

    By Kiefer and Wolfowitz's recursion (Trans. Am. Math. Soc. 78, 1955).
    """
    free = [(0.0, worker) for worker in range(workers)]
    done_s, taken_by = np.empty(len(due_s)), np.empty(len(due_s), dtype=np.int64)
    for index, (due, work) in enumerate(zip(due_s.tolist(), work_s.tolist(), strict=True)):
        free_s, worker = free[0]
        done_s[index], taken_by[index] = max(due, free_s) + work, worker
        heapq.heapreplace(free, (float(done_s[index]), worker))
    sent_s = np.maximum(due_s, _after(np.sort(done_s), connections))
    return [
        Requests(*(times_s[taken_by == worker] for times_s in (due_s, sent_s, done_s, work_s)))
        for worker in range(workers)
    ]


def _after(done_s: Seconds, connections: int) -> Seconds:
    """Return when there is a connection for each request: at once for the first, then as one is answered."""
    return np.concatenate([np.zeros(connections), done_s])[: len(done_s)]
