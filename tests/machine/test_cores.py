"""What can be used of a machine is the lesser of cores and quota, by the files of the kernel and by a real group."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from harness.machine import environment
from harness.machine.cgroup import Throttling, read_memory_limit_bytes, read_throttling
from harness.machine.cores import UsableCores
from harness.machine.host import Host
from tests.doctor.machines import Files, checked, machine, write

V2: Final = {"proc/self/cgroup": "0::/pod/own\n", "sys/fs/cgroup/cgroup.controllers": "cpu memory\n"}
V1: Final = {"proc/self/cgroup": "4:memory:/pod\n3:cpuset:/pod\n2:cpu,cpuacct:/pod/own\n0::/elsewhere\n"}
CPU: Final = "sys/fs/cgroup/cpu,cpuacct"
MEMORY: Final = "sys/fs/cgroup/memory"
NO_LIMIT: Final = "9223372036854771712\n"


def host(root: Path, files: Files, cpus: int = 4) -> Host:
    """A machine with nothing but these files."""
    write(root, files)
    return Host(root, tuple(range(cpus)), (1024, 1024))


def v1(group: str, quota_us: int, period_us: int = 100_000) -> dict[str, str]:
    """A group of version 1."""
    return {f"{CPU}{group}/cpu.cfs_quota_us": f"{quota_us}\n", f"{CPU}{group}/cpu.cfs_period_us": f"{period_us}\n"}


@pytest.mark.parametrize(
    ("files", "cpus", "quota", "worth", "count", "is_limited"),
    [
        ({}, 4, float("inf"), 4, 4, False),  # nothing is told
        (V2, 4, float("inf"), 4, 4, False),
        (V2 | {"sys/fs/cgroup/pod/own/cpu.max": "max 100000"}, 4, float("inf"), 4, 4, False),
        (V2 | {"sys/fs/cgroup/pod/own/cpu.max": "200000 100000"}, 64, 2, 2, 2, True),  # a pod
        (V2 | {"sys/fs/cgroup/pod/own/cpu.max": "150000 100000"}, 4, 1.5, 1.5, 1, True),
        (V2 | {"sys/fs/cgroup/pod/own/cpu.max": "25000 50000"}, 4, 0.5, 0.5, 1, True),
        (V2 | {"sys/fs/cgroup/pod/own/cpu.max": "800000 100000"}, 4, 8, 4, 4, False),
        (V2 | {"sys/fs/cgroup/pod/own/cpu.max": "400000 100000"}, 4, 4, 4, 4, False),
        (V2 | {"sys/fs/cgroup/pod/own/cpu.max": "soon 100000"}, 4, float("inf"), 4, 4, False),
        (
            V2 | {"sys/fs/cgroup/pod/cpu.max": "100000 100000", "sys/fs/cgroup/pod/own/cpu.max": "300000 100000"},
            4, 1, 1, 1, True,  # the one above is the tighter
        ),
        (V2 | {"sys/fs/cgroup/cpu.max": "300000 100000"}, 4, 3, 3, 3, True),  # a container sees its own as the root
        (V2 | {"sys/fs/cgroup/own/cpu.max": "200000 100000"}, 4, 2, 2, 2, True),  # or its own below the pod's
        (V1 | v1("", -1) | v1("/pod", 250_000) | v1("/pod/own", -1), 4, 2.5, 2.5, 2, True),
        (V1 | v1("", -1) | v1("/own", 100_000), 4, 1, 1, 1, True),  # the pod's group is what is mounted
        (V1 | v1("", 100_000), 4, 1, 1, 1, True),
        (
            # Both versions are mounted, and the CPU is limited by version 1.
            V1 | v1("", -1) | v1("/pod/own", 200_000)
            | {"sys/fs/cgroup/unified/cgroup.controllers": "", "sys/fs/cgroup/unified/elsewhere/cpu.max": "1 100000"},
            4, 2, 2, 2, True,
        ),
        (
            {"proc/self/cgroup": "1:name=systemd:/\n0::/own\n", "sys/fs/cgroup/unified/cgroup.controllers": "cpu\n",
             "sys/fs/cgroup/unified/own/cpu.max": "200000 100000"},
            4, 2, 2, 2, True,  # or by version 2
        ),
    ],
)  # fmt: skip
def test_the_lesser_of_cores_and_quota_can_be_used(
    tmp_path: Path, files: Files, cpus: int, quota: float, worth: float, count: int, is_limited: bool
) -> None:
    found = UsableCores.of(host(tmp_path, files, cpus))
    assert found == UsableCores(tuple(range(cpus)), quota)
    assert (found.worth, found.count, found.is_limited) == (worth, count, is_limited)


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        (V2, float("inf")),
        (V2 | {"sys/fs/cgroup/pod/memory.max": "1048576\n", "sys/fs/cgroup/pod/own/memory.max": "max\n"}, 2**20),
        (V1 | {f"{MEMORY}/memory.limit_in_bytes": NO_LIMIT, f"{MEMORY}/pod/memory.limit_in_bytes": "4096\n"}, 4096),
        (V1 | {f"{MEMORY}/memory.limit_in_bytes": "much\n"}, None),
    ],
)
def test_the_limit_on_memory(tmp_path: Path, files: Files, limit: float | None) -> None:
    assert read_memory_limit_bytes(host(tmp_path, files)) == limit


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (V2, None),
        (V2 | {"sys/fs/cgroup/pod/own/cpu.stat": "usage_usec 9\nnr_throttled 0\nthrottled_usec 0"}, Throttling(0, 0.0)),
        (V2 | {"sys/fs/cgroup/pod/own/cpu.stat": "nr_throttled 3"}, Throttling(3, None)),
        (
            V2 | {f"sys/fs/cgroup/pod{of}/cpu.stat": "nr_throttled 3\nthrottled_usec 250000" for of in ("", "/own")},
            Throttling(6, 0.5),
        ),
        (V1 | v1("", -1) | {f"{CPU}/cpu.stat": "nr_throttled 2\nthrottled_time 1500000000"}, Throttling(2, 1.5)),
    ],
)  # fmt: skip
def test_what_was_withheld(tmp_path: Path, files: Files, found: Throttling | None) -> None:
    assert read_throttling(host(tmp_path, files)) == found


def test_a_pod_is_described_as_what_it_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"sys/fs/cgroup/pod/own/cpu.max": "250000 100000", "sys/fs/cgroup/pod/memory.max": "1048576"}
    pod = host(tmp_path, {**V2, **files}, cpus=64)
    monkeypatch.setattr(Host, "here", lambda: pod)
    found = environment.describe_environment()
    assert (found.usable_cores, found.cpu_quota_cores, found.memory_bytes) == (2, 2.5, 2**20)
    monkeypatch.setattr(Host, "here", lambda: replace(pod, cpus=(0, 1)))
    found = environment.describe_environment()
    assert (found.usable_cores, found.cpu_quota_cores) == (2, None)


def test_the_doctor_counts_what_can_be_used(tmp_path: Path) -> None:
    pod = machine(tmp_path, {"sys/fs/cgroup/user.slice/cpu.max": "150000 100000"})
    check = checked(pod)["cores"]
    assert (check.status, check.what) == ("warn", "1 usable, 2 needed: workers 1, generator 1")


# A real group -----------------------------------------------------------------------------------------------

GROUPS: Final = Path("/sys/fs/cgroup/cpu")
WITHIN: Final = """
import sys, time
from harness.machine.cores import UsableCores
from harness.machine.host import Host
from harness.monitor.machine import read_machine, machine_usage_between
open(sys.argv[1], "w").write("0")
found, first = UsableCores.here(), read_machine(Host.here())
until_s = time.monotonic() + 20
while not (
    used := machine_usage_between(first, read_machine(Host.here()))
).throttled_s and time.monotonic() < until_s: pass
print(found.quota, found.count, len(found.cpus), used.model_dump_json(exclude={"cores"}))
"""


@pytest.fixture
def narrow_group() -> Iterator[Path]:
    """A control group that may use a twentieth of a core."""
    group = GROUPS / f"harness-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text("5000")
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"no control groups of version 1 that could be made here: {error}")
    yield group
    group.rmdir()


def test_a_real_quota_is_found_and_seen_to_be_used_up(narrow_group: Path) -> None:
    command = [sys.executable, "-c", WITHIN, str(narrow_group / "cgroup.procs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    quota, count, cpus, used = done.stdout.split(" ", 3)
    assert (quota, count, cpus) == ("0.05", "1", str(len(os.sched_getaffinity(0))))
    told = json.loads(used)
    assert told["quota_cores"] == 0.05
    assert told["throttled_periods"] >= 1
    assert told["throttled_s"] > 0
