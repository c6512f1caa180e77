"""Checks for contention: by the hypervisor, by other processes, and for memory."""

from dataclasses import dataclass
from typing import Final, Self

from harness.doctor.check import Check, ok, unknown, warn
from harness.machine.host import Host, parse_count, parse_decimal, word_after

MAX_STEAL: Final = 0.01  # of all CPU time: half of the difference that is negligible by default
MAX_LOAD: Final = 0.5  # runnable processes of the whole machine, for each usable core
MAX_STALLED_PERCENT: Final = 1.0  # of the time, as the kernel reports it
_COUNTERS: Final = slice(1, 9)  # user to steal in proc_stat(5); guest time, which follows, is part of user


@dataclass(frozen=True)
class CpuTime:
    """The CPU time of the whole machine since boot (ticks)."""

    total: int
    stolen: int

    @classmethod
    def read(cls, host: Host) -> Self | None:
        """Read the first line of /proc/stat; None if it is not as expected."""
        words = (host.text("proc/stat") or "").split("\n", 1)[0].split()
        ticks = [ticks for word in words[_COUNTERS] if (ticks := parse_count(word)) is not None]
        return cls(total=sum(ticks), stolen=ticks[-1]) if words[:1] == ["cpu"] and len(ticks) == 8 else None

    def since(self, before: Self) -> Self:
        """Return the time that has passed since an earlier reading."""
        return type(self)(self.total - before.total, self.stolen - before.stolen)

    @property
    def stolen_share(self) -> float:
        """The share of the time in which a core was needed here, but the hypervisor ran something else on it."""
        return max(0, self.stolen) / self.total


def check_steal(before: CpuTime | None, now: CpuTime | None, sample_s: float) -> Check:
    """Check the share of time that the hypervisor took, in the sample and since boot."""
    if before is None or now is None or (passed := now.since(before)).total <= 0:
        return unknown("steal", "not told what a hypervisor takes")
    what = f"{100 * passed.stolen_share:.1f} % in the last {sample_s:g} s, {100 * now.stolen_share:.1f} % since boot"
    if max(passed.stolen_share, now.stolen_share) <= MAX_STEAL:
        return ok("steal", what)
    return warn("steal", what, "Measure at another time or on a dedicated host: others are given these cores.")


def check_load_average(host: Host) -> Check:
    """Check how many processes ran or waited for a core, on average over a minute."""
    load, usable = parse_decimal((host.text("proc/loadavg") or " ").split(" ")[0]), len(host.cpus)
    if load is None:
        return unknown("load average", "not told how busy the machine is")
    what = f"{load:.2f} over the last minute, on {usable} cores"
    if load <= MAX_LOAD * usable:
        return ok("load average", what)
    return warn("load average", what, "End what else is running, and wait a minute.")


def check_memory(host: Host) -> Check:
    """Check for what share of the time a task waited for memory, by the kernel's pressure stall information."""
    average = word_after(host.text("proc/pressure/memory"), "some") or ""  # avg10=0.00
    stalled_percent = parse_decimal(average.removeprefix("avg10="))
    if stalled_percent is None:
        return unknown("memory", "not told whether anything waits for memory")
    what = f"something waited for it {stalled_percent:.1f} % of the last 10 s"
    if stalled_percent <= MAX_STALLED_PERCENT:
        return ok("memory", what)
    return warn("memory", what, "End what uses it up: pages go to swap, or are read anew, while requests wait.")
