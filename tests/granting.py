"""Whether this machine grants limits, for tests that need them."""

import pytest

from harness.machine.cgroup import find_groups
from harness.machine.host import Host
from harness.machine.limits import LimitError, Limits, open_group


def _why_not() -> str:
    try:
        with open_group(Limits(cpus=1.0, memory_bytes=2**28), Host.here()):
            return ""
    except LimitError as error:
        return str(error)


needs_limits = pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "it does")


def groups_left() -> list[str]:
    """The groups of the harness that are there."""
    here = Host.here()
    parents = {here.root / group for name in ("cpu", "memory") for group in find_groups(here, name)}
    return [str(each) for parent in parents for each in parent.glob("harness-*")]
