"""The role of each process of a server, as a pure function of its observed activity."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from statistics import median
from typing import Final

from harness.record import Role
from harness.server.sockets import Place

AS_BUSY: Final = 0.5  # of the median worker's CPU: a process that uses as much is a worker too
MIN_BUSY_S: Final = 0.05  # the kernel counts CPU in steps of 10 ms
WELL_AS_BUSY: Final = 0.7  # of the busiest worker's CPU, for one that only holds their socket: to poll it takes 0.6
JUST_AS_BUSY: Final = 0.85  # the same, where the others were seen with connections
AS_MUCH_A_WAKE: Final = 0.5  # of the median worker's CPU per wake-up: to see an arrival and not accept takes 0.2 to 0.3
MIN_SEEN: Final = 4  # looks with connections, over all workers
MIN_LOOKS: Final = 5  # looks with connections, of one worker
MIN_WAKES: Final = 4  # beyond those of a supervisor without connections
SUPERVISOR_WAKES_PER_S: Final = 1.0  # gunicorn's looks after its workers so often
MAX_IDLE_WAKES_PER_S: Final = 20.0  # uvicorn asks each of its workers twice a second whether it lives
MIN_BEHIND: Final = 0.25  # of the server's CPU: less is no sign of workers behind a front

# Programs made to pass requests on. For any other program it depends on how many processes there are.
PROXIES: Final = {
    "apache2", "caddy", "envoy", "h2o", "haproxy", "httpd", "lighttpd", "nginx", "squid", "traefik", "varnishd",
}  # fmt: skip

# Data stores: they answer the application as a worker answers a proxy, and are no workers.
STORES: Final = {
    "beam.smp", "etcd", "mariadbd", "memcached", "mongod", "mysqld", "postgres", "redis-server", "valkey-server",
}  # fmt: skip


@dataclass(frozen=True)
class Activity:
    """The observed activity of one process.

    ``listens`` are the places whose listening socket it holds, ``serves`` those of which it held accepted connections.
    ``cpu_s``, ``reaped_cpu_s`` (CPU of children that ended) and ``wakes`` (how often its main thread slept and was
    woken) count from when it was first seen, ``seen_s`` ago.
    """

    pid: int
    parent: int
    program: str = ""
    listens: frozenset[Place] = frozenset()
    serves: frozenset[Place] = frozenset()
    most_served: int = 0  # the most accepted connections that it held at a time
    looks_served: int = 0  # the number of looks at which it held any
    holds_sockets: bool = False
    cpu_s: float = 0.0
    reaped_cpu_s: float = 0.0
    wakes: int = 0
    seen_s: float = 0.0
    most_threads: int = 1


def assign_roles(processes: Sequence[Activity], public: Set[Place], declared: int | None = None) -> dict[int, Role]:
    """Return the role of each process, by pid.

    A *worker* works on requests: it accepts connections, holds them or does their work. A *front* holds the clients'
    connections and passes requests on to workers, as a proxy does. A *supervisor* is an ancestor of either that does no
    such work itself. A *helper* is any other process.

    ``public`` are the places where the clients connect: one, or that of each replica. A parent that waits for
    connections as its children do, but got none, is a worker if otherwise there were fewer workers than ``declared``.
    """
    family = _Family(processes)
    if not any(process.serves or process.cpu_s >= MIN_BUSY_S for process in processes):
        workers = family.leaves_with_sockets()
        return {pid: _role(pid, workers, set(), family.ancestors_of(workers)) for pid in family.by_pid}
    behind = family.places_behind(public)
    workers = family.workers_at(behind or public)
    fronts = set[int]()
    if behind:
        inner = {process.pid for process in processes if behind & (process.listens | process.serves)}
        fronts = family.workers_at(public) - inner
        workers -= fronts
        # If more processes serve the clients than are behind, they are a cluster, and those behind a service it asks.
        if len(fronts) > len(workers) and not any(family.by_pid[pid].program in PROXIES for pid in fronts):
            workers, fronts = family.workers_at(public), set()
    if declared is not None and len(workers) < declared:
        idle = family.parents_that_wait(behind or public, workers)
        if len(workers) + len(idle) >= declared:
            workers |= set(sorted(idle)[: declared - len(workers)])
    above = family.ancestors_of(workers | fronts)
    return {pid: _role(pid, workers, fronts, above) for pid in family.by_pid}


def find_idle_supervisors(processes: Sequence[Activity], roles: Mapping[int, Role]) -> set[int]:
    """Return the ids of supervisors that do nothing as long as their workers live.

    There are none where workers do not listen themselves: then their parent accepts connections for them, if not now,
    so whenever a client opens one. Who is often woken may read what workers write, and block them where it stops.
    """
    if not all(process.listens for process in processes if roles[process.pid] in ("worker", "front")):
        return set()
    supervisors = (process for process in processes if roles[process.pid] == "supervisor")
    return {each.pid for each in supervisors if each.wakes <= MAX_IDLE_WAKES_PER_S * each.seen_s}


def _role(pid: int, workers: set[int], fronts: set[int], above: set[int]) -> Role:
    if pid in workers:
        return "worker"
    if pid in fronts:
        return "front"
    return "supervisor" if pid in above else "helper"


class _Family:
    """The processes of one server with their ancestors, and what follows from these."""

    def __init__(self, processes: Sequence[Activity]) -> None:
        self.by_pid = {process.pid: process for process in processes}
        self._ancestors = {pid: set(self._chain(pid)) for pid in self.by_pid}

    def ancestors_of(self, pids: Iterable[int]) -> set[int]:
        """Return every ancestor of these processes."""
        return set().union(*(self._ancestors[pid] for pid in pids))

    def places_behind(self, public: Set[Place]) -> set[Place]:
        """Return the places of processes to which those that serve ``public`` pass requests on."""
        listening = {pid for pid, process in self.by_pid.items() if public & process.listens}
        outer = {pid for pid, process in self.by_pid.items() if public & process.serves}
        outer = outer or listening - self.ancestors_of(listening)  # if connections were too short to be seen
        # An ancestor of a front may hold its socket too. Any other process that holds it serves the clients itself.
        above = self.ancestors_of(outer)
        inner = [
            process
            for pid, process in self.by_pid.items()
            if pid not in outer and (not public & process.listens or pid in above) and process.program not in STORES
        ]
        # A Unix socket of an ancestor of the front, at which nothing arrived, has another purpose, such as gunicorn's
        # control socket.
        places = {
            place
            for process in inner
            for place in (process.listens | process.serves) - public
            if place in process.serves or isinstance(place, int) or process.pid not in above
        }
        places = {place for place in places if self._is_busy_at(place, inner)}
        at_work = [process for process in inner if (process.listens | process.serves) & places]
        used_s = sum(process.cpu_s + process.reaped_cpu_s for process in at_work)
        all_s = sum(process.cpu_s + process.reaped_cpu_s for process in self.by_pid.values())
        if all_s < MIN_BUSY_S:  # too little CPU to tell who did the work
            return places if outer and any(process.serves & places for process in inner) else set()
        return places if outer and used_s >= MIN_BEHIND * all_s else set()

    @staticmethod
    def _is_busy_at(place: Place, processes: Sequence[Activity]) -> bool:
        """Return whether connections were seen at the place, or the processes that may accept there used CPU."""
        used_s = sum(each.cpu_s + each.reaped_cpu_s for each in processes if place in each.listens | each.serves)
        return used_s >= MIN_BUSY_S or any(place in process.serves for process in processes)

    def workers_at(self, places: Set[Place]) -> set[int]:
        """Return the processes that work on what arrives at these places."""
        serving = {pid for pid, process in self.by_pid.items() if process.serves & places}
        listening = {pid for pid, process in self.by_pid.items() if process.listens & places}
        # A process with connections but without the listening socket got them from a parent, which accepts them all.
        given = serving - listening
        dispatchers = {pid for pid in listening if any(pid in self._ancestors[other] for other in given)}
        above = self.ancestors_of(listening)
        certain = (serving | (listening - above)) - dispatchers
        certain |= {pid for pid in self.by_pid if pid not in listening and self._is_sibling(pid, given)}
        if not certain:
            return certain
        busy_s = max(MIN_BUSY_S, AS_BUSY * median(self.by_pid[pid].cpu_s for pid in certain))
        most_s = max(self.by_pid[pid].cpu_s for pid in certain)  # of a worker that was there all the time
        busy = {pid for pid, process in self.by_pid.items() if process.cpu_s >= busy_s} - dispatchers
        # A process whose connections are very short may never be seen with one, unless others often are. A parent that
        # keeps replacing workers is busy with that. A process that is woken for each arrival, which others accept, may
        # use as much CPU as one of many workers, or as a worker that started later; but not as much per wake-up.
        seen = [self.by_pid[pid].looks_served for pid in certain]
        part = JUST_AS_BUSY if sum(seen) >= MIN_SEEN else WELL_AS_BUSY
        accepting = {
            pid
            for pid in busy & listening
            if self.by_pid[pid].cpu_s >= part * most_s and not self.by_pid[pid].reaped_cpu_s and max(seen) < MIN_LOOKS
            if not self._does_little_a_wake(pid, certain)
        }
        programs = {self.by_pid[pid].program for pid in certain}
        alike = {pid for pid in busy - listening if self.by_pid[pid].program in programs}
        return certain | accepting | (alike - self.ancestors_of(certain))

    def leaves_with_sockets(self) -> set[int]:
        """Return the processes that hold a socket and are no ancestors of others that do.

        They are the likely workers as long as none was seen at work.
        """
        holders = {pid for pid, process in self.by_pid.items() if process.holds_sockets}
        return holders - self.ancestors_of(holders)

    def parents_that_wait(self, places: Set[Place], workers: set[int]) -> set[int]:
        """Return the ancestors of workers that were woken as connections arrived, but got none."""
        came = sum(process.most_served for process in self.by_pid.values())
        above = [self.by_pid[pid] for pid in self.ancestors_of(workers) - workers]
        return {
            process.pid
            for process in above
            if process.listens & places
            and process.wakes - SUPERVISOR_WAKES_PER_S * process.seen_s >= max(MIN_WAKES, came / 2)
        }

    def _does_little_a_wake(self, pid: int, others: set[int]) -> bool:
        """Return whether the process uses clearly less CPU per wake-up than the others; their ages do not matter.

        It is False for processes with several threads, since only the wake-ups of main threads are counted.
        """
        if any(self.by_pid[each].most_threads > 1 for each in {pid, *others}):
            return False
        return self._cpu_a_wake_s(pid) < AS_MUCH_A_WAKE * median(map(self._cpu_a_wake_s, others))

    def _cpu_a_wake_s(self, pid: int) -> float:
        return self.by_pid[pid].cpu_s / max(1, self.by_pid[pid].wakes)

    def _is_sibling(self, pid: int, others: set[int]) -> bool:
        """Return whether the process has the same parent and program as one of the others, and holds a socket."""
        one = self.by_pid[pid]
        alike = [self.by_pid[other] for other in others if other != pid]
        return one.holds_sockets and any((one.parent, one.program) == (each.parent, each.program) for each in alike)

    def _chain(self, pid: int) -> Iterable[int]:
        """Yield the ancestors of a process, the nearest first."""
        seen = {pid}
        while (pid := self.by_pid[pid].parent) in self.by_pid and pid not in seen:
            seen.add(pid)
            yield pid
