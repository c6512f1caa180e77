"""What others take of the machine: the hypervisor, other processes, and those that use up its memory."""

from dataclasses import dataclass
from typing import Final, Self

from harness.doctor.check import Check, ok, unknown, warn
from harness.machine.host import Host, decimal, whole, word_after

MOST_STEAL: Final = 0.01  # of all CPU time: half of the differences that usually make no difference
MOST_LOAD: Final = 0.5  # runnable processes, of everybody, for each core that they may be met on
MOST_STALLED_PERCENT: Final = 1.0  # of the time, as the kernel has it
_COUNTERS: Final = slice(1, 9)  # user to steal in proc_stat(5); guest time, after them, is within user


@dataclass(frozen=True)
class CpuTime:
    """CPU time of the whole machine since boot (ticks)."""

    total: int
    stolen: int

    @classmethod
    def read(cls, host: Host) -> Self | None:
        """The first line of /proc/stat."""
        words = (host.text("proc/stat") or "").split("\n", 1)[0].split()
        ticks = [ticks for word in words[_COUNTERS] if (ticks := whole(word)) is not None]
        return cls(total=sum(ticks), stolen=ticks[-1]) if words[:1] == ["cpu"] and len(ticks) == 8 else None

    def since(self, before: Self) -> Self:
        """What has passed since then."""
        return type(self)(self.total - before.total, self.stolen - before.stolen)

    @property
    def stolen_share(self) -> float:
        """The part of the time in which a core was wanted here and the hypervisor ran something else on it."""
        return max(0, self.stolen) / self.total


def steal(before: CpuTime | None, now: CpuTime | None, sample_s: float) -> Check:
    """What the hypervisor took in the sample, and since boot."""
    if before is None or now is None or (passed := now.since(before)).total <= 0:
        return unknown("steal", "not told what a hypervisor takes")
    what = f"{100 * passed.stolen_share:.1f} % in the last {sample_s:g} s, {100 * now.stolen_share:.1f} % since boot"
    if max(passed.stolen_share, now.stolen_share) <= MOST_STEAL:
        return ok("steal", what)
    return warn("steal", what, "Measure at another time or on a dedicated host: others are given these cores.")


def load_average(host: Host) -> Check:
    """How many processes ran or waited for a core, on average over a minute."""
    load, usable = decimal((host.text("proc/loadavg") or " ").split(" ")[0]), len(host.cpus)
    if load is None:
        return unknown("load average", "not told how busy the machine is")
    what = f"{load:.2f} over the last minute, on {usable} cores"
    if load <= MOST_LOAD * usable:
        return ok("load average", what)
    return warn("load average", what, "End what else is running, and wait a minute.")


def memory(host: Host) -> Check:
    """How much of the time something stood still for want of memory: the kernel's pressure stall information."""
    average = word_after(host.text("proc/pressure/memory"), "some") or ""  # avg10=0.00
    stalled_percent = decimal(average.removeprefix("avg10="))
    if stalled_percent is None:
        return unknown("memory", "not told whether anything waits for memory")
    what = f"something waited for it {stalled_percent:.1f} % of the last 10 s"
    if stalled_percent <= MOST_STALLED_PERCENT:
        return ok("memory", what)
    return warn("memory", what, "End what uses it up: pages go to swap, or are read anew, while requests wait.")
