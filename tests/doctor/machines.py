"""Made-up machines: the few files of /proc and /sys that are looked at, below a folder."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.doctor.check import Check
from harness.doctor.checkup import run_checkup
from harness.machine.host import Host
from harness.scenario import Scenario

CPU: Final = "sys/devices/system/cpu"
IPV4: Final = "proc/sys/net/ipv4"
Files = Mapping[str, str | bytes | None]

# Four cores of a physical machine at rest, in the group of a login session, set up by somebody who measures.
GOOD: Final[Files] = {
    **{f"{CPU}/cpu{cpu}/cpufreq/scaling_governor": "performance\n" for cpu in range(4)},
    **{f"{CPU}/cpu{cpu}/topology/thread_siblings_list": f"{cpu},{cpu + 4}\n" for cpu in range(4)},
    f"{CPU}/intel_pstate/no_turbo": "1\n",
    f"{CPU}/smt/active": "0\n",
    "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu vme sse2\n",
    "proc/stat": "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 100 0 100 800 0 0 0 0 0 0\n",
    "proc/loadavg": "0.05 1.32 1.62 1/81 31742\n",
    "proc/pressure/memory": "some avg10=0.00 avg60=1.05 avg300=10.23 total=7\nfull avg10=50.00 avg60=0.00 total=0\n",
    "proc/self/cgroup": "0::/user.slice/session-1.scope\n",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
    "sys/fs/cgroup/user.slice/cpu.stat": "usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
    "sys/fs/cgroup/user.slice/session-1.scope/cgroup.procs": "1\n",
    "proc/sys/kernel/randomize_va_space": "2\n",
    f"{IPV4}/ip_local_port_range": "32768\t60999\n",
    f"{IPV4}/tcp_tw_reuse": "2\n",
    f"{IPV4}/tcp_timestamps": "1\n",
    f"{IPV4}/tcp_max_syn_backlog": "2048\n",
    "proc/net/sockstat": "sockets: used 10\nTCP: inuse 1 orphan 0 tw 12 alloc 1 mem 0\nUDP: inuse 0 mem 0\n",
    "proc/sys/net/core/somaxconn": "4096\n",
}
# What a second of 100 ticks on four cores adds, as far as proc_stat(5) is read.
LATER: Final[Files] = {"proc/stat": "cpu  150 0 150 900 0 0 0 0 0 0\n"}


def machine(
    root: Path, changed: Files | None = None, later: Files | None = None, open_files: tuple[float, float] = (4096, 8192)
) -> Host:
    """The good machine with these files changed (None: not there), and those of ``later`` as the pause passes."""
    write(root, {**GOOD, **(changed or {})})
    return Host(
        root=root,
        cpus=(0, 1, 2, 3),
        open_files=open_files,
        pause=lambda seconds: write(root, LATER if later is None else later),
    )


def write(root: Path, files: Files) -> None:
    """Put the files below the folder."""
    for path, content in files.items():
        if content is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())


def checked(host: Host, scenario: Scenario | None = None) -> dict[str, Check]:
    """The checks by name; each is there once."""
    checks = run_checkup(host, scenario)
    by_name = {check.name: check for check in checks}
    assert len(by_name) == len(checks)
    return by_name


def with_cpus(host: Host, *cpus: int) -> Host:
    """The same, on these cores alone."""
    return replace(host, cpus=cpus)
