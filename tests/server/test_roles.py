"""What the processes of a server are for, from what real servers were seen to do."""

from dataclasses import dataclass, field
from typing import Final

import pytest

from harness.server.roles import Activity, assign_roles, find_idle_supervisors

PUBLIC: Final = 8000
INNER: Final = 9000
SOCKET: Final = "/run/app.sock"


def process(
    pid: int,
    parent: int = 1,
    *,
    program: str = "app",
    listens: tuple[int | str, ...] = (),
    serves: tuple[int | str, ...] = (),
    most_served: int = 4,
    looks_served: int = 8,
    holds_sockets: bool = True,
    cpu_s: float = 0.0,
    reaped_cpu_s: float = 0.0,
    wakes: int = 0,
    seen_s: float = 0.0,
    most_threads: int = 1,
) -> Activity:
    """What one process was seen to do; whoever serves does so in every look."""
    return Activity(
        pid=pid,
        parent=parent,
        program=program,
        listens=frozenset(listens),
        serves=frozenset(serves),
        most_served=most_served if serves else 0,
        looks_served=looks_served if serves else 0,
        holds_sockets=holds_sockets,
        cpu_s=cpu_s,
        reaped_cpu_s=reaped_cpu_s,
        wakes=wakes,
        seen_s=seen_s,
        most_threads=most_threads,
    )


@dataclass(frozen=True)
class Seen:
    """A server, and which of its processes (by pid) are what; all others are supervisors or helpers."""

    processes: list[Activity]
    workers: set[int]
    fronts: set[int] = field(default_factory=set)
    supervisors: set[int] = field(default_factory=set)
    helpers: set[int] = field(default_factory=set)


LISTENS: Final = (PUBLIC,)
SERVERS: Final = {
    "one process": Seen([process(10, listens=LISTENS, serves=LISTENS, cpu_s=0.9)], {10}),
    "behind a shell": Seen(
        [process(10, holds_sockets=False), process(11, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.9)],
        {11},
        supervisors={10},
    ),
    "prefork (gunicorn, Apache)": Seen(
        [process(10, listens=LISTENS), *(process(pid, 10, listens=LISTENS, serves=LISTENS) for pid in (11, 12))],
        {11, 12},
        supervisors={10},
    ),
    "all connections at one worker (uvicorn, gevent)": Seen(
        [
            process(10, listens=LISTENS),
            process(11, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.9),
            process(12, 10, listens=LISTENS),
            process(13, 10, holds_sockets=False),  # multiprocessing's resource tracker
        ],
        {11, 12},
        supervisors={10},
        helpers={13},
    ),
    "never seen with a connection (gunicorn sync)": Seen(
        [process(10, listens=LISTENS), *(process(pid, 10, listens=LISTENS, cpu_s=0.6) for pid in (11, 12))],
        {11, 12},
        supervisors={10},
    ),
    "sockets of their own (granian, SO_REUSEPORT)": Seen(
        [process(10), *(process(pid, 10, listens=LISTENS, serves=LISTENS) for pid in (11, 12))],
        {11, 12},
        supervisors={10},
    ),
    "connections handed on (Node's cluster)": Seen(
        [process(10, listens=LISTENS, serves=LISTENS, cpu_s=0.5, most_served=1, looks_served=2)]
        + [process(pid, 10, serves=LISTENS, cpu_s=0.7) for pid in (11, 12)]
        + [process(13, 10, cpu_s=0.0)],  # got no connection yet
        {11, 12, 13},
        supervisors={10},
    ),
    "the parent serves too (puma's fork_worker)": Seen(
        [
            process(10, listens=LISTENS),
            process(11, 10, listens=LISTENS, serves=LISTENS, cpu_s=1.06),
            process(12, 11, listens=LISTENS, serves=LISTENS, cpu_s=1.0),
        ],
        {11, 12},
        supervisors={10},
    ),
    "the parent works, and is never seen with a connection (uWSGI without master)": Seen(
        [process(10, listens=LISTENS, cpu_s=0.8), process(11, 10, listens=LISTENS, cpu_s=0.6)], {10, 11}
    ),
    "parent and children serve (php -S)": Seen(
        [
            process(10, listens=LISTENS, serves=LISTENS, cpu_s=0.5, most_served=1),
            *(process(pid, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.5, most_served=1) for pid in (11, 12)),
        ],
        {10, 11, 12},
    ),
    "a proxy in front, by TCP (nginx, gunicorn)": Seen(
        [
            process(10, holds_sockets=False, program="dash"),
            process(11, 10, listens=LISTENS, program="nginx"),
            process(12, 11, listens=LISTENS, serves=LISTENS, cpu_s=0.9, program="nginx"),
            process(13, 11, listens=LISTENS, program="nginx"),  # got no connection
            process(14, 10, listens=(INNER,), program="python3.11"),
            *(process(pid, 14, listens=(INNER,), serves=(INNER,), cpu_s=1.0, program="python3.11") for pid in (15, 16)),
        ],
        {15, 16},
        fronts={12, 13},
        supervisors={10, 11, 14},
    ),
    "a proxy in front, by a Unix socket (PHP-FPM ondemand, whose master burns)": Seen(
        [
            process(10, holds_sockets=False, program="dash"),
            process(11, 10, listens=LISTENS, program="nginx"),
            process(12, 11, listens=LISTENS, serves=LISTENS, cpu_s=1.2, program="nginx"),
            process(14, 10, listens=(SOCKET,), cpu_s=0.35, program="php-fpm8.2"),
            *(
                process(pid, 14, listens=(SOCKET,), serves=(SOCKET,), cpu_s=0.6, program="php-fpm8.2")
                for pid in (15, 16)
            ),
        ],
        {15, 16},
        fronts={12},
        supervisors={10, 11, 14},
    ),
    "one proxy in front of servers with a port each (haproxy)": Seen(
        [
            process(10, holds_sockets=False),
            process(11, 10, program="haproxy", holds_sockets=False),
            process(12, 11, listens=LISTENS, serves=LISTENS, cpu_s=0.4, program="haproxy"),
            process(13, 10, listens=(9001,), serves=(9001,), cpu_s=0.4),
            process(14, 10, listens=(9002,), serves=(9002,), cpu_s=0.4),
        ],
        {13, 14},
        fronts={12},
        supervisors={10, 11},
    ),
    "a router of the same program (uWSGI --http)": Seen(
        [
            process(10, listens=(PUBLIC, INNER)),
            process(11, 10, listens=(PUBLIC,), serves=LISTENS, cpu_s=1.2),
            *(process(pid, 10, listens=(INNER,), serves=(INNER,), cpu_s=0.4) for pid in (12, 13)),
        ],
        {12, 13},
        fronts={11},
        supervisors={10},
    ),
    "a router that its worker started (uWSGI --http without master)": Seen(
        [
            process(10, listens=(PUBLIC, INNER), serves=(INNER,), cpu_s=0.6),
            process(11, 10, listens=(PUBLIC,), serves=LISTENS, cpu_s=1.25),
        ],
        {10},
        fronts={11},
    ),
    "a router none of whose connections were seen (uWSGI --http)": Seen(
        [
            process(10, listens=(PUBLIC, INNER)),
            process(11, 10, listens=(INNER,), cpu_s=0.15),
            process(12, 10, listens=(INNER,), cpu_s=0.15),
            process(13, 10, listens=(PUBLIC,), cpu_s=0.5),
        ],
        {11, 12},
        fronts={13},
        supervisors={10},
    ),
    "a busy router that its worker started, none of whose connections were seen": Seen(
        [process(10, listens=(PUBLIC, INNER), cpu_s=0.4), process(11, 10, listens=(PUBLIC,), cpu_s=0.5)],
        {10},
        fronts={11},
    ),
    "workers with a port for figures, none of whose connections were seen": Seen(
        [
            process(10, listens=LISTENS),
            *(process(pid, 10, listens=(PUBLIC, 9100 + pid), cpu_s=0.6) for pid in (11, 12)),
        ],
        {11, 12},
        supervisors={10},
    ),
    "a parent that forks all the time, with a socket to be controlled by (gunicorn --max-requests)": Seen(
        [
            process(10, listens=(PUBLIC, "/run/gunicorn.ctl"), cpu_s=0.4, reaped_cpu_s=0.3),
            process(11, 10, listens=LISTENS, cpu_s=0.6),
        ],
        {11},
        supervisors={10},
    ),
    "workers behind a proxy that are replaced all the time (PHP-FPM, pm.max_requests)": Seen(
        [
            process(10, listens=LISTENS, program="nginx"),
            process(11, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.9, program="nginx"),
            process(12, listens=(SOCKET,), cpu_s=0.2, reaped_cpu_s=0.7, program="php-fpm8.2"),
            process(13, 12, listens=(SOCKET,), serves=(SOCKET,), cpu_s=0.02, program="php-fpm8.2"),
        ],
        {13},
        fronts={11},
        supervisors={10, 12},
    ),
    "a proxy under so little load that no CPU was counted": Seen(
        [
            process(10, listens=LISTENS),
            process(
                11,
                10,
                listens=LISTENS,
                serves=LISTENS,
            ),
            process(12, 10, listens=(INNER,), serves=(INNER,)),
            process(13, 10, listens=(9100,)),  # for figures, which nobody asked for
        ],
        {12},
        fronts={11},
        supervisors={10},
        helpers={13},
    ),
    "a cluster that asks a service of its own": Seen(
        [
            process(10, holds_sockets=False, program="bash"),
            process(11, 10, listens=LISTENS, program="python3.11"),
            *(process(pid, 11, listens=LISTENS, serves=LISTENS, cpu_s=0.5, program="python3.11") for pid in (12, 13)),
            process(14, 10, listens=(INNER,), serves=(INNER,), cpu_s=0.7, program="node"),
        ],
        {12, 13},
        supervisors={10, 11},
        helpers={14},
    ),
    "workers that tell their supervisor how they are": Seen(
        [
            process(10, listens=(PUBLIC, INNER), serves=(INNER,), cpu_s=0.7),
            *(process(pid, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.5) for pid in (11, 12)),
        ],
        {11, 12},
        supervisors={10},
    ),
    "more processes of a proxy than there are workers": Seen(
        [
            process(10, listens=LISTENS, program="nginx"),
            *(process(pid, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.3, program="nginx") for pid in (11, 12)),
            process(14, listens=(INNER,), serves=(INNER,), cpu_s=0.9, program="python3.11"),
        ],
        {14},
        fronts={11, 12},
        supervisors={10},
    ),
    "a busy parent without a socket": Seen(
        [process(10, holds_sockets=False, cpu_s=0.9), process(11, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.9)],
        {11},
        supervisors={10},
    ),
    "a port for figures that is asked now and then is no front": Seen(
        [
            process(10, listens=LISTENS, serves=LISTENS, cpu_s=0.9),
            process(11, 10, listens=(9100,), serves=(9100,), cpu_s=0.1, program="exporter"),
        ],
        {10},
        helpers={11},
    ),
    "a port for figures beside workers that are replaced": Seen(
        [
            process(10, listens=LISTENS, reaped_cpu_s=0.9),
            process(11, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.1),
            process(12, 10, listens=(9100,), serves=(9100,), cpu_s=0.2, program="exporter"),
        ],
        {11},
        supervisors={10},
        helpers={12},
    ),
    "workers with a port for figures, one of whose connections were seen": Seen(
        [
            process(10, listens=LISTENS),
            process(11, 10, listens=(PUBLIC, 9111), serves=LISTENS, cpu_s=0.6),
            process(12, 10, listens=(PUBLIC, 9112), cpu_s=0.6),
        ],
        {11, 12},
        supervisors={10},
    ),
    "helpers beside workers that are handed connections": Seen(
        [
            process(10, listens=LISTENS),
            *(process(pid, 10, serves=LISTENS, cpu_s=0.7, program="node") for pid in (11, 12)),
            process(13, 10, holds_sockets=False, program="node"),
            process(14, 11, program="node"),
            process(15, 10, program="logger"),
        ],
        {11, 12},
        supervisors={10},
        helpers={13, 14, 15},
    ),
    "a parent that does a little, never seen with a connection": Seen(
        [process(10, listens=LISTENS, cpu_s=0.1), *(process(pid, 10, listens=LISTENS, cpu_s=1.0) for pid in (11, 12))],
        {11, 12},
        supervisors={10},
    ),
    "nobody does much": Seen(
        [
            process(10, listens=LISTENS, cpu_s=0.02),
            *(process(pid, 10, listens=LISTENS, serves=LISTENS, looks_served=1, cpu_s=0.02) for pid in (11, 12)),
        ],
        {11, 12},
        supervisors={10},
    ),
    "connections handed on, and seldom seen": Seen(
        [process(10, listens=LISTENS, serves=LISTENS, cpu_s=0.5, looks_served=1)]
        + [process(pid, 10, serves=LISTENS, cpu_s=0.7, looks_served=2) for pid in (11, 12)],
        {11, 12},
        supervisors={10},
    ),
    "a front of the same program as a cluster that hands connections on": Seen(
        [
            process(9, holds_sockets=False, program="dash"),
            process(10, 9, listens=LISTENS, serves=LISTENS, cpu_s=0.7, program="node"),
            process(11, 9, listens=(INNER,), program="node"),
            *(process(pid, 11, serves=(INNER,), cpu_s=0.7, program="node") for pid in (12, 13)),
        ],
        {12, 13},
        fronts={10},
        supervisors={9, 11},
    ),
    "seldom seen with connections, and a master that polls for each (PHP-FPM ondemand)": Seen(
        [
            process(10, listens=LISTENS, cpu_s=0.26),
            *(process(pid, 10, listens=LISTENS, serves=LISTENS, looks_served=3, cpu_s=0.33) for pid in (11, 12)),
        ],
        {11, 12},
        supervisors={10},
    ),
    "a master that polls for each, before workers that were born later (PHP-FPM ondemand)": Seen(
        [
            process(10, listens=LISTENS, cpu_s=0.145, wakes=8200),  # 0.76 of the busiest worker's
            process(11, 10, listens=LISTENS, serves=LISTENS, looks_served=1, cpu_s=0.19, wakes=2636),
            *(
                process(pid, 10, listens=LISTENS, serves=LISTENS, looks_served=looks, cpu_s=0.11, wakes=2450)
                for pid, looks in ((12, 1), (13, 1), (14, 0))
            ),
        ],
        {11, 12, 13, 14},
        supervisors={10},
    ),
    "a parent that works, is woken as its child is and was never seen with a connection (uWSGI without master)": Seen(
        [
            process(10, listens=LISTENS, cpu_s=0.10, wakes=327),
            process(11, 10, listens=LISTENS, cpu_s=0.12, wakes=297),
        ],
        {10, 11},
    ),
    "a parent that works, whose child has been forked by a thread and waits in another": Seen(
        [
            process(10, listens=LISTENS, cpu_s=0.11, wakes=477),
            process(11, 10, listens=LISTENS, cpu_s=0.09, wakes=4, most_threads=2),
        ],
        {10, 11},
    ),
    "a parent that serves as much as the others and was never seen to": Seen(
        [
            process(10, listens=LISTENS, cpu_s=0.3),
            *(process(pid, 10, listens=LISTENS, serves=LISTENS, looks_served=2, cpu_s=0.33) for pid in (11, 12)),
        ],
        {10, 11, 12},
    ),
    "a store beside it is no worker (Redis)": Seen(
        [
            process(10, holds_sockets=False),
            process(11, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.5),
            process(12, 10, listens=(6379,), serves=(6379,), cpu_s=0.7, program="redis-server"),
        ],
        {11},
        supervisors={10},
        helpers={12},
    ),
    "a port for figures is no front": Seen(
        [
            process(10, listens=LISTENS, serves=LISTENS, cpu_s=0.9),
            process(11, 10, listens=(9100,), serves=(9100,), cpu_s=0.0, program="exporter"),
        ],
        {10},
        helpers={11},
    ),
    "work handed to processes without sockets": Seen(
        [
            process(10, listens=LISTENS, serves=LISTENS, cpu_s=0.3),
            process(11, 10, holds_sockets=False, cpu_s=0.8),
            process(12, 10, holds_sockets=False, cpu_s=0.8, program="logger"),
        ],
        {10, 11},
        helpers={12},
    ),
    "nobody was seen at work": Seen(
        [process(10, listens=LISTENS), process(11, 10), process(12, 10, holds_sockets=False)],
        {11},
        supervisors={10},
        helpers={12},
    ),
}


@pytest.mark.parametrize("seen", SERVERS.values(), ids=SERVERS)
def test_the_roles_of_real_servers(seen: Seen) -> None:
    roles = assign_roles(seen.processes, {PUBLIC})
    by_role = {role: {pid for pid, of in roles.items() if of == role} for role in set(roles.values())}
    assert by_role.get("worker", set()) == seen.workers
    assert by_role.get("front", set()) == seen.fronts
    assert by_role.get("supervisor", set()) == seen.supervisors
    assert by_role.get("helper", set()) == seen.helpers


WAITING: Final = [
    process(10, listens=LISTENS, wakes=9),
    *(process(pid, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.3, most_served=4) for pid in (11, 12)),
]


def test_a_parent_that_waits_for_connections_is_a_worker_if_it_was_declared() -> None:
    assert assign_roles(WAITING, {PUBLIC}, declared=3)[10] == "worker"
    assert assign_roles(WAITING, {PUBLIC}, declared=2)[10] == "supervisor"
    assert assign_roles(WAITING, {PUBLIC}, declared=4)[10] == "supervisor"  # three would not be four either
    assert assign_roles(WAITING, {PUBLIC})[10] == "supervisor"


def test_a_parent_that_was_not_woken_is_no_worker_whatever_was_declared() -> None:
    asleep = [process(10, listens=LISTENS, wakes=1), *WAITING[1:]]
    assert assign_roles(asleep, {PUBLIC}, declared=3)[10] == "supervisor"


@pytest.mark.parametrize(("wakes", "each", "seen_s"), [(5, 40, 0.0), (2, 1, 0.0), (9, 4, 9.0)])
def test_a_parent_that_was_woken_seldom_is_no_worker(wakes: int, each: int, seen_s: float) -> None:
    waiting = [
        process(10, listens=LISTENS, wakes=wakes, seen_s=seen_s),
        *(process(pid, 10, listens=LISTENS, serves=LISTENS, cpu_s=0.3, most_served=each) for pid in (11, 12)),
    ]
    assert assign_roles(waiting, {PUBLIC}, declared=3)[10] == "supervisor"


def test_a_parent_that_waits_behind_a_proxy_is_a_worker_if_it_was_declared() -> None:
    behind = [
        process(8, holds_sockets=False, program="dash"),
        process(9, 8, listens=LISTENS, serves=LISTENS, cpu_s=0.3, program="nginx"),
        process(10, 8, listens=(INNER,), wakes=9),
        *(process(pid, 10, listens=(INNER,), serves=(INNER,), cpu_s=0.3) for pid in (11, 12)),
    ]
    assert assign_roles(behind, {PUBLIC}, declared=3)[10] == "worker"


def find_idle(*processes: Activity) -> set[int]:
    return find_idle_supervisors(processes, assign_roles(processes, {PUBLIC}))


def supervisor(listens: tuple[int | str, ...] = LISTENS, wakes: int = 3) -> Activity:
    return process(10, listens=listens, wakes=wakes, seen_s=2.0)


def test_who_supervises_workers_that_listen_is_idle_and_so_is_a_shell_above() -> None:
    workers = [process(pid, 10, listens=LISTENS, serves=LISTENS, cpu_s=1.0, wakes=500, seen_s=2.0) for pid in (11, 12)]
    assert find_idle(supervisor(), *workers) == {10}
    above = process(9, 1, holds_sockets=False, seen_s=2.0)
    below = process(10, 9, listens=LISTENS, seen_s=2.0)
    assert find_idle(above, below, *workers) == {9, 10}


def test_who_accepts_connections_for_its_workers_is_not_idle_even_if_there_are_no_new_ones() -> None:
    workers = [process(pid, 10, serves=LISTENS, cpu_s=1.0, wakes=500, seen_s=2.0) for pid in (11, 12)]
    assert find_idle(supervisor(), *workers) == set()


def test_who_is_often_woken_is_not_idle() -> None:
    """It may read what its workers write, which block where nobody does."""
    worker = process(11, 10, listens=LISTENS, serves=LISTENS, cpu_s=1.0, wakes=500, seen_s=2.0)
    assert find_idle(supervisor(listens=(), wakes=300), worker) == set()
    assert find_idle(supervisor(listens=(), wakes=30), worker) == {10}
