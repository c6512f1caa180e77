"""How long answers take under load, and so slices: long beside what is waited for, and not beside a queue."""

import os
from dataclasses import replace

import psutil
import pytest

from harness.load.cpus import list_usable_cpus
from harness.measure.answer_times import AnswerTimes, are_in_one_line, were_cores_busy
from harness.monitor.family import FamilyReading
from harness.monitor.processes import ProcessReading, ThreadReading
from harness.units import NS_PER_S

CORES = len(list_usable_cpus())
PROCESSES = [psutil.Process(os.getpid()), psutil.Process(os.getppid()), psutil.Process(1)]


def family(*used_s: float) -> FamilyReading:
    """Processes that have used so much CPU time."""
    return FamilyReading(
        {
            process: ProcessReading(cpu_ns=round(each * NS_PER_S))
            for process, each in zip(PROCESSES, used_s, strict=False)
        }
    )


@pytest.mark.parametrize(
    ("usual_s", "slow_s", "pause_s", "least_s"),
    [(0.001, 0.002, 0.005, 0.02), (0.01, 0.012, 0.015, 0.08), (0.001, 0.03, 0.02, 0.12), (0.001, 0.002, 0.1, 0.4)],
)
def test_slices_are_long_beside_answers_slow_answers_and_pauses(
    usual_s: float, slow_s: float, pause_s: float, least_s: float
) -> None:
    """A slow answer that begins in a window has to be seen in it, but for few; and in pauses nothing is measured."""
    assert AnswerTimes(usual_s, slow_s, pause_s).least_slice_s == pytest.approx(least_s)


def test_a_queue_is_answered_one_by_one_however_long_it_is() -> None:
    assert AnswerTimes(0.13, 0.14, 0.13, queued=True).least_slice_s == pytest.approx(0.56)
    assert AnswerTimes(0.13, 0.14, 0.13, queued=False).least_slice_s == pytest.approx(1.04)


@pytest.mark.parametrize(
    ("slow_s", "in_one_line", "least_s"),
    [(0.002, True, 0.25), (0.1, True, 0.25), (0.2, True, 0.4), (0.002, False, 0.25), (0.2, False, 0.8)],
)
def test_slices_in_turns_are_long_beside_turns_and_beside_the_wait_in_line(
    slow_s: float, in_one_line: bool, least_s: float
) -> None:
    """Longer with several lines, where lead-in and drain are not measured."""
    assert AnswerTimes(0.1, slow_s, 0.2, queued=True).least_turned_s(in_one_line) == pytest.approx(least_s)


@pytest.mark.parametrize(
    ("workers", "cores", "is_one"), [(1, 0.9, True), (1, 1.2, True), (1, 1.9, False), (2, 1.9, False), (2, 0.9, False)]
)
def test_one_worker_on_one_core_has_its_requests_in_one_line(workers: int, cores: float, is_one: bool) -> None:
    """Others may take so much of the cores that two workers have no more than one between them."""
    assert are_in_one_line(workers, cores) == is_one


@pytest.mark.parametrize(
    ("used_s", "is_busy"),
    [((0.95,), True), ((0.95, 0.02), True), ((0.6,), False), ((0.02, 0.03), False), ((), False)],
    ids=["one", "one and an idle one", "one that waits", "idle ones", "none"],
)
def test_a_server_in_one_process_keeps_one_core_busy(used_s: tuple[float, ...], is_busy: bool) -> None:
    assert were_cores_busy(family(0.0, 0.0, 0.0), family(*used_s), available_s=1.0) is is_busy


@pytest.mark.skipif(CORES < 2, reason="workers need cores")
def test_workers_that_wait_leave_cores_idle() -> None:
    begun = family(5.0, 5.0)
    assert were_cores_busy(begun, family(5.9, 5.9), available_s=1.0)
    assert not were_cores_busy(begun, family(5.5, 5.5), available_s=1.0)


@pytest.mark.skipif(CORES != 2, reason="three workers for two cores")
def test_more_workers_than_cores_share_these() -> None:
    assert were_cores_busy(family(0.0, 0.0, 0.0), family(0.6, 0.6, 0.6), available_s=1.0)


def test_what_was_born_meanwhile_counts_from_its_birth() -> None:
    assert were_cores_busy(family(), family(0.9), available_s=1.0)


@pytest.mark.parametrize(("waited_s", "is_busy"), [(0.4, True), (0.1, False)])
def test_a_server_whose_core_others_took_would_have_kept_it_busy(waited_s: float, is_busy: bool) -> None:
    """It ran for half of the time, and waited for a core."""
    (process, reading), *_ = family(0.5).processes.items()
    waiting = replace(reading, threads={1: ThreadReading(cpu_s=0.5, run_delay_s=waited_s)})
    assert were_cores_busy(family(0.0), FamilyReading({process: waiting}), available_s=1.0) is is_busy


@pytest.mark.parametrize(("available_s", "is_busy"), [(0.8, True), (1.0, False)])
def test_a_server_whose_core_the_hypervisor_took_kept_the_rest_busy(available_s: float, is_busy: bool) -> None:
    assert were_cores_busy(family(0.0), family(0.7), available_s) is is_busy
