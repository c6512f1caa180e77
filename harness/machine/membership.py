"""The membership of this process in control groups (cgroups(7)). The guardian imports this at each launch: it takes no
more than that needs."""

import contextlib
import os
from collections.abc import Sequence


def join_group(folders: Sequence[str]) -> None:
    """Put this process, and so all that it will start, into the group. Raises OSError."""
    for folder in folders:
        members = os.path.join(folder, "cgroup.procs")
        try:
            with open(members, "w", encoding="ascii") as file:
                file.write(str(os.getpid()))
        except OSError as error:
            error.filename = members  # which a refused write does not have
            raise


def leave_group(folders: Sequence[str], outside: Sequence[str]) -> None:
    """Put this process into the groups outside, and remove the group if nobody else is in it."""
    with contextlib.suppress(OSError):
        join_group(outside)
    for folder in folders:
        with contextlib.suppress(OSError):
            os.rmdir(folder)
