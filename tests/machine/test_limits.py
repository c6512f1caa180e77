"""Limits of CPU and memory: groups in both versions of the kernel's files, and in this machine's own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.machine.host import Host
from harness.machine.limits import LimitCounters, LimitError, Limits, make_group, open_group
from harness.machine.membership import leave_group
from tests.granting import needs_limits

BOTH = Limits(cpus=1.5, memory_bytes=2**26)


def host(root: Path, own: str, files: dict[str, str]) -> Host:
    """A machine on which this process is in the group, and these files are there."""
    for name, text in {"proc/self/cgroup": own, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Host(root, (0, 1), (1024, 1024))


def second_version(root: Path, subtree: str = "cpu memory pids") -> Host:
    group = "sys/fs/cgroup/user.slice"
    files = {
        "sys/fs/cgroup/cgroup.controllers": "cpu memory pids",
        "sys/fs/cgroup/cgroup.subtree_control": "",
        f"{group}/cgroup.controllers": "cpu memory pids",
        f"{group}/cgroup.subtree_control": subtree,
        f"{group}/shell.scope/cgroup.controllers": "cpu memory pids",
        f"{group}/shell.scope/cgroup.subtree_control": "",
    }
    return host(root, "0::/user.slice/shell.scope\n", files)


def test_a_group_is_made_where_the_kernel_lets_children_be_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2: beside this process's own group, which has processes and so no limited children."""
    made = second_version(tmp_path)
    original = Path.mkdir

    def mkdir(self: Path, *arguments: object, **options: object) -> None:
        original(self)
        for name in ("cgroup.controllers", "cpu.max", "memory.max", "memory.swap.max", "cgroup.procs"):
            (self / name).write_text("")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    group = make_group(BOTH, made)
    (folder,) = group.folders
    assert group.outside == (tmp_path / "sys/fs/cgroup/user.slice/shell.scope",)
    assert folder.parent == tmp_path / "sys/fs/cgroup/user.slice"
    assert (folder / "cpu.max").read_text() == "150000 100000"
    assert [(folder / name).read_text() for name in ("memory.max", "memory.swap.max")] == [str(2**26), "0"]


@pytest.mark.parametrize("subtree", ["memory pids", "cpu pids"])
def test_both_limits_are_of_one_group(tmp_path: Path, subtree: str) -> None:
    """Version 2, where the nearest group does not limit both: a process is in one group only."""
    made = second_version(tmp_path, subtree)
    (tmp_path / "sys/fs/cgroup/cgroup.subtree_control").write_text("cpu memory pids")
    group = make_group(BOTH, made)
    assert [folder.parent for folder in group.folders] == [tmp_path / "sys/fs/cgroup"]


def test_where_no_child_can_be_limited_the_reason_and_the_way_out_are_told(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match=r"there is no control group for cpu and memory .*systemd-run --user --scope"):
        make_group(BOTH, second_version(tmp_path, subtree="pids"))


def test_a_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    """Version 1, whose memory can be limited here and whose CPU can't."""
    files = {"sys/fs/cgroup/memory/memory.limit_in_bytes": "1", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1"}
    made = host(tmp_path, "2:cpu:/\n1:memory:/\n", files)
    (tmp_path / "sys/fs/cgroup/memory").rename(tmp_path / "sys/fs/cgroup/other")
    with pytest.raises(LimitError, match="there is no control group for memory"):
        make_group(BOTH, made)
    assert list((tmp_path / "sys/fs/cgroup/cpu").iterdir()) == [tmp_path / "sys/fs/cgroup/cpu/cpu.cfs_quota_us"]


@pytest.mark.parametrize(
    ("files", "counted"),
    [
        (
            {
                "cpu.stat": "nr_periods 8\nnr_throttled 7\nthrottled_time 365955351\n",
                "memory.oom_control": "oom_kill 2",
            },
            LimitCounters(8, 7, 0.365955351, 2),
        ),
        (
            {
                "cpu.stat": "usage_usec 1\nnr_periods 8\nnr_throttled 7\nthrottled_usec 365955\n",
                "memory.events": "oom_kill 1",
            },
            LimitCounters(8, 7, 0.365955, 1),
        ),
        ({}, LimitCounters(0, 0, 0.0, 0)),
    ],
)
def test_what_the_kernel_counted_is_read_in_either_version(
    tmp_path: Path, files: dict[str, str], counted: LimitCounters
) -> None:
    from harness.machine.limits import LimitGroup

    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert LimitGroup(BOTH, (tmp_path,), ()).read_counters() == counted


def test_nothing_is_made_without_a_limit(tmp_path: Path) -> None:
    with open_group(Limits(), host(tmp_path, "", {})) as group:
        assert group is None


@needs_limits
def test_this_machine_grants_limits_and_they_hold() -> None:
    """A process that would keep a core busy gets a fifth of it, and the group goes with it."""
    with open_group(Limits(cpus=0.2), Host.here()) as group:
        assert group is not None
        code = "import time; b = time.monotonic(); c = time.process_time()\n"
        code += "while time.monotonic() < b + 1: pass\nprint(time.process_time() - c)"
        join = "import sys; from harness.machine.membership import join_group; join_group(sys.argv[1:]); "
        words = [sys.executable, "-c", f"{join}exec({code!r})", *map(str, group.folders)]
        used = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ).stdout
        assert float(used) < 0.5
        counted = group.read_counters()
        assert counted.throttled_periods > 3
        assert counted.throttled_s > 0.2
    assert not any(folder.exists() for folder in group.folders)


@needs_limits
def test_who_leaves_a_group_removes_it() -> None:
    group = make_group(Limits(memory_bytes=2**28), Host.here())
    words = "import sys; from harness.machine.membership import join_group, leave_group; join_group(sys.argv[1:2]);"
    places = map(str, (*group.folders, *group.outside))
    subprocess.run([sys.executable, "-c", f"{words} leave_group(sys.argv[1:2], sys.argv[2:])", *places], check=True)
    deadline_s = time.monotonic() + 5
    while any(folder.exists() for folder in group.folders) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not any(folder.exists() for folder in group.folders)
    leave_group(list(map(str, group.folders)), ())  # once more, of what is gone
