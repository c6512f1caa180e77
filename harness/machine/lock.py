"""A lock that allows one comparison at a time on a machine: two would disturb each other."""

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from harness.errors import HarnessError

NAME: Final = "\0harness-comparison"  # in the abstract namespace of unix(7), which leaves no file behind
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid and gid: SO_PEERCRED in unix(7)


class BusyError(HarnessError):
    """Another comparison is running. The message says which process makes it."""


@contextmanager
def exclusive_run() -> Iterator[None]:
    """Hold the lock until the context is left, or this process ends in whatever way. Raises BusyError."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(NAME)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise BusyError(
                f"another comparison is running on this machine{_holder_text()}; the two would disturb each other"
            ) from error
        lock.listen(1)
        yield


def _holder_text() -> str:
    try:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(1.0)
            caller.connect(NAME)
            pid, _, _ = _CREDENTIALS.unpack(caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    except OSError:  # it has ended meanwhile
        return ""
    return f" (process {pid})"
