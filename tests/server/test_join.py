"""The use of the machine in slices, joined: nothing is lost, and what is unknown in one of them stays unknown."""

from hypothesis import given
from hypothesis import strategies as st

from harness.monitor.join import CORE_SUMS, LINK_SUMS, MACHINE_SUMS, PROCESS_SUMS, join_usages
from harness.record import CoreUsage, LinkUsage, MachineUsage, OtherProcess, ProcessUsage, Usage, UsageSecond

AMOUNTS = st.integers(0, 1000).map(float)
COUNTS = st.integers(0, 1000)


@st.composite
def processes(draw: st.DrawFn, pid: int) -> ProcessUsage:
    """What one process used in a slice."""
    return ProcessUsage(
        pid=pid,
        role="worker",
        user_s=draw(AMOUNTS),
        system_s=draw(AMOUNTS),
        run_delay_s=draw(st.none() | AMOUNTS),
        busiest_thread_s=draw(st.none() | AMOUNTS),
        rss_bytes=draw(COUNTS),
        voluntary_switches=draw(COUNTS),
        involuntary_switches=draw(COUNTS),
        threads=draw(st.none() | COUNTS),
        busy_threads=draw(st.none() | COUNTS),
        minor_faults=draw(st.none() | COUNTS),
        ended=draw(st.booleans()),
    )


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """What was used in a slice."""
    found = [draw(processes(pid)) for pid in draw(st.sets(st.integers(1, 4)))]
    core = CoreUsage(cpu=0, busy_s=draw(AMOUNTS), irq_s=0, idle_s=draw(AMOUNTS), steal_s=draw(AMOUNTS))
    reaped_s = draw(AMOUNTS)
    row = UsageSecond(
        end_s=1.0,
        cpu_s={process.pid: process.cpu_s for process in found},
        rss_bytes={process.pid: process.rss_bytes for process in found},
        reaped_cpu_s=reaped_s,
    )
    return Usage(
        window_s=1.0,
        processes=found,
        machine=MachineUsage(cores=[core], pressure_s=draw(st.none() | AMOUNTS), listen_overflows=1, listen_drops=None),
        pace_us=draw(st.none() | st.floats(1, 100)),
        series=[row],
        reaped_cpu_s=reaped_s,
        reaped_minor_faults=draw(COUNTS),
        is_cpu_lost=draw(st.booleans()),
        others=[OtherProcess(pid=9, name="other", cpu_s=draw(AMOUNTS), cpu=0)] if draw(st.booleans()) else [],
    )


@given(st.lists(st.tuples(usages(), COUNTS), min_size=1, max_size=4))
def test_what_was_used_in_slices_is_used_in_all(slices: list[tuple[Usage, int]]) -> None:
    parts, answered = [usage for usage, _ in slices], [count for _, count in slices]
    joined = join_usages(parts, answered)
    assert joined.cpu_s == sum(part.cpu_s for part in parts)
    assert joined.window_s == len(parts)
    assert joined.requests == sum(answered)
    assert joined.reaped_minor_faults == sum(part.reaped_minor_faults for part in parts)
    assert joined.is_cpu_lost == any(part.is_cpu_lost for part in parts)
    assert sum(other.cpu_s for other in joined.others) == sum(other.cpu_s for part in parts for other in part.others)
    assert joined.series[-1].all_cpu_s == joined.cpu_s
    assert [row.answered for row in joined.series] == [sum(answered[: n + 1]) for n in range(len(answered))]
    assert [row.end_s for row in joined.series] == [n + 1.0 for n in range(len(parts))]
    for process in joined.processes:
        each = [one for part in parts for one in part.processes if one.pid == process.pid]
        for name in PROCESS_SUMS:
            values = [getattr(one, name) for one in each]
            assert getattr(process, name) == (None if None in values else sum(values))
        is_last = any(one.pid == process.pid for one in parts[-1].processes)
        assert process.ended == (each[-1].ended or not is_last)
        assert process.rss_bytes == each[-1].rss_bytes
    assert joined.rss_bytes == parts[-1].rss_bytes


def test_links_are_added_up_by_name() -> None:
    def machine(*names: str) -> MachineUsage:
        core = CoreUsage(cpu=0, busy_s=0.0, irq_s=0.0, idle_s=1.0, steal_s=0.0)
        links = [LinkUsage(name=name, received_bytes=3, sent_bytes=5, bytes_per_s=1e9) for name in names]
        return MachineUsage(cores=[core], pressure_s=None, listen_overflows=None, listen_drops=None, links=links)

    parts = [
        Usage(
            window_s=1.0,
            processes=[],
            machine=each,
            pace_us=None,
            series=[UsageSecond(end_s=1, cpu_s={}, rss_bytes={})],
        )
        for each in (machine("eth0"), machine("eth0", "wlan0"))
    ]
    (link,) = join_usages(parts, [1, 1]).machine.links
    assert (link.name, link.received_bytes, link.sent_bytes, link.bytes_per_s) == ("eth0", 6, 10, 1e9)


def test_every_amount_of_a_process_and_of_the_machine_is_added_up() -> None:
    """A new field of a record has to be joined as well."""
    kept = {"pid", "role", "program", "rss_bytes", "pss_bytes", "threads", "busy_threads", "ended"}
    at_end = {"descriptors", "descriptor_limit", "connections_to"}
    assert set(ProcessUsage.model_fields) == kept | at_end | set(PROCESS_SUMS)
    assert set(MachineUsage.model_fields) == {"cores", "quota_cores", "links"} | set(MACHINE_SUMS)
    assert set(LinkUsage.model_fields) == {"name", "bytes_per_s"} | set(LINK_SUMS)
    assert set(CoreUsage.model_fields) == {"cpu"} | set(CORE_SUMS)


@given(usages(), st.floats(0.1, 2.0))
def test_outside_of_a_window_within_the_readings_the_server_did_nothing(used: Usage, window_s: float) -> None:
    """All of its work is in the window, which is no longer than the time between the readings."""
    other = OtherProcess(pid=9, name="other", cpu_s=0.5, cpu=0)
    lived = [process.model_copy(update={"lived_s": 1.0}) for process in used.processes]
    used = used.model_copy(update={"processes": lived, "others": [other]})
    found = used.within(window_s)
    assert found.window_s == min(1.0, window_s)
    assert found.cpu_s == used.cpu_s
    assert {process.lived_s for process in found.processes} <= {found.window_s}
    assert found.series[-1].end_s == found.window_s
    assert found.others[0].cpu_s == 0.5 * found.window_s
