"""Resources that a process holds and that may run out: descriptors, and connections to services."""

import contextlib
import os
import resource
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Holdings:
    """The open descriptors of a process, how many it may have, and its connections to each service by name. None where
    it has ended, or can't be read."""

    descriptors: int | None = None
    descriptor_limit: int | None = None
    connections_to: Mapping[str, int] | None = None


def read_holdings(pid: int, services: Mapping[int, str]) -> Holdings:
    """Return what a process holds now. ``services`` are the names of the services by their ports."""
    with contextlib.suppress(OSError, psutil.Error):
        limit, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        return Holdings(len(os.listdir(f"/proc/{pid}/fd")), limit, _count_connections(pid, services))
    return Holdings()


def _count_connections(pid: int, services: Mapping[int, str]) -> dict[str, int]:
    """Return the number of established TCP connections to each service; those by Unix sockets are not counted."""
    if not services:
        return {}
    found = psutil.Process(pid).net_connections("tcp")
    peers = [each.raddr.port for each in found if each.status == psutil.CONN_ESTABLISHED and each.raddr]
    return dict(Counter(services[port] for port in peers if port in services))
