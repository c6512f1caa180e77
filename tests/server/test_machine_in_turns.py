"""The use of the machine in the turns of one server: what others of the run used is not in it, and nothing is lost."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.monitor.turns import CpuTimes, machine_in_turns
from harness.record import CoreUsage, MachineUsage

SECONDS: Final = st.integers(0, 10_000).map(lambda milliseconds: milliseconds / 1000)


def machine(*busy_s: float, window_s: float = 10.0, steal_s: float = 0.0) -> MachineUsage:
    cores = [
        CoreUsage(cpu=cpu, busy_s=busy, irq_s=0.1 * busy, idle_s=window_s - busy - steal_s, steal_s=steal_s)
        for cpu, busy in enumerate(busy_s)
    ]
    return MachineUsage(cores=cores, pressure_s=4.0, listen_overflows=0, listen_drops=0, io_pressure_s=2.0)


def test_what_the_others_of_the_run_used_is_not_in_it() -> None:
    """Two servers with half of the time each: one kept one core busy with its generator, the other both."""
    one, two = CpuTimes(4.0, 1.0), CpuTimes(9.0, 1.0)
    together = CpuTimes.add_up([one, two])
    used = machine_in_turns(machine(7.5, 7.5), 0.5, one, together, ())
    assert used.busy_s == pytest.approx(5.0)
    assert used.idle_s == pytest.approx(5.0)
    assert machine_in_turns(machine(7.5, 7.5), 0.5, two, together, ()).idle_s == pytest.approx(0.0)


def test_what_nobody_of_the_run_used_is_spread_evenly() -> None:
    one, two = CpuTimes(2.0, 0.0), CpuTimes(4.0, 0.0)
    used = machine_in_turns(machine(5.0, 5.0, steal_s=1.0), 0.25, one, CpuTimes.add_up([one, two]), ())
    assert used.busy_s == pytest.approx(2.0 + 0.25 * 4.0)
    assert used.steal_s == pytest.approx(0.5)
    assert (used.pressure_s, used.io_pressure_s) == (1.0, 0.5)


def test_a_generator_with_a_core_of_its_own_is_counted_there() -> None:
    one, two = CpuTimes(4.0, 1.0), CpuTimes(4.0, 3.0)
    used = machine_in_turns(machine(8.0, 4.0), 0.5, one, CpuTimes.add_up([one, two]), {1})
    assert [core.busy_s for core in used.cores] == pytest.approx([4.0, 1.0])


@given(st.lists(SECONDS, min_size=1, max_size=4), st.floats(0, 1), SECONDS, SECONDS)
def test_the_time_of_every_core_is_its_share(busy_s: list[float], share: float, own_s: float, others_s: float) -> None:
    own = CpuTimes(own_s, 0.0)
    together = CpuTimes.add_up([own, CpuTimes(others_s, 0.0)])
    used = machine_in_turns(machine(*busy_s), share, own, together, ())
    for core in used.cores:
        assert core.busy_s + core.idle_s + core.steal_s == pytest.approx(share * 10.0)
        assert min(core.busy_s, core.idle_s) >= 0
        assert 0 <= core.irq_s <= core.busy_s
