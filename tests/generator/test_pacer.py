"""Waking up for what is due: how long before, how often the alarm is set, what counts as waiting awake."""

import random
import select
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from os import close

import pytest

from harness.generator.pacer import MAX_LEAD_NS, MAX_LEAD_OF_GAP, Pacer, Timer, WakeupLead
from harness.units import NS_PER_MS, NS_PER_US

LONG_GAP_NS = 10.0 * NS_PER_MS
LEARNING = 5_000
WAKE_UPS = 30_000


def usual_us(dice: random.Random) -> float:
    """A quiet machine: some 15 µs, with a tail."""
    return 10 + dice.expovariate(1 / 5)


def slow_us(dice: random.Random) -> float:
    """A virtual machine: some 60 µs, evenly spread."""
    return dice.uniform(40, 80)


def mixed_us(dice: random.Random) -> float:
    """Mostly some 30 µs; one in two hundred takes longer than a lead may be."""
    return 300 if dice.random() < 0.005 else dice.gauss(30, 5)


class MadeAlarm(Timer):
    """Notes for which times it is set, and never rings."""

    def __init__(self) -> None:
        self.set_for: list[int] = []

    def arm(self, at_ns: int) -> None:
        self.set_for.append(at_ns)


@pytest.fixture
def alarm() -> MadeAlarm:
    return MadeAlarm()


@pytest.fixture
def pacer(alarm: MadeAlarm) -> Pacer:
    """Of a request every 10 ms: a lead of 50 µs to begin with, and of 100 µs at the most."""
    return Pacer(alarm, LONG_GAP_NS)


@pytest.mark.parametrize("took_us", [usual_us, slow_us, mixed_us])
def test_about_one_wake_up_in_a_hundred_is_later_than_the_lead(took_us: Callable[[random.Random], float]) -> None:
    dice, lead = random.Random(7), WakeupLead(LONG_GAP_NS)
    late = 0
    for number in range(WAKE_UPS):
        took_ns = round(took_us(dice) * NS_PER_US)
        late += number >= LEARNING and took_ns > lead.ns
        lead.learn(took_ns)
    assert 0.005 < late / (WAKE_UPS - LEARNING) < 0.02


def test_a_lead_follows_a_machine_that_becomes_quicker() -> None:
    lead = WakeupLead(LONG_GAP_NS)
    for _ in range(100):
        lead.learn(90 * NS_PER_US)
    assert lead.ns > 80 * NS_PER_US
    for _ in range(WAKE_UPS):
        lead.learn(10 * NS_PER_US)
    assert 0 <= lead.ns < 15 * NS_PER_US


@pytest.mark.parametrize(
    ("gap_ns", "most_ns"),
    [
        (LONG_GAP_NS, MAX_LEAD_NS),
        (4.0 * MAX_LEAD_NS, MAX_LEAD_NS),
        (100.0 * NS_PER_US, 25.0 * NS_PER_US),
        (1.0 * NS_PER_US, 0.25 * NS_PER_US),
    ],
)
def test_a_lead_is_no_longer_than_the_cap_however_late_the_wake_ups_are(gap_ns: float, most_ns: float) -> None:
    lead = WakeupLead(gap_ns)
    for _ in range(1000):
        lead.learn(NS_PER_MS)
        assert 0 <= lead.ns <= most_ns
    assert lead.ns == most_ns == min(MAX_LEAD_NS, MAX_LEAD_OF_GAP * gap_ns)


def test_a_lead_is_never_negative() -> None:
    lead = WakeupLead(LONG_GAP_NS)
    for _ in range(WAKE_UPS):
        lead.learn(0)
    assert lead.ns == 0


def test_it_sleeps_when_far_from_what_is_due_and_is_woken_before(pacer: Pacer, alarm: MadeAlarm) -> None:
    now_ns, due_ns = 1_000_000, 3_000_000
    assert pacer.may_sleep(due_ns, now_ns)
    (set_for_ns,) = alarm.set_for
    assert now_ns < set_for_ns < due_ns
    assert due_ns - set_for_ns == 50 * NS_PER_US


def test_it_stays_awake_when_near_and_needs_no_alarm(pacer: Pacer, alarm: MadeAlarm) -> None:
    assert not pacer.may_sleep(due_ns=1_000_000 + 50 * NS_PER_US, now_ns=1_000_000)
    assert not pacer.may_sleep(due_ns=1_000_000, now_ns=1_000_000)
    assert alarm.set_for == []


def test_the_alarm_is_set_once_for_each_due_time(pacer: Pacer, alarm: MadeAlarm) -> None:
    """The loop also comes back for responses: a system call each time would be dear."""
    for now_ns in range(0, 1_000_000, 100_000):
        assert pacer.may_sleep(2_000_000, now_ns)
    assert len(alarm.set_for) == 1
    for now_ns in range(2_000_000, 3_000_000, 100_000):
        assert pacer.may_sleep(4_000_000, now_ns)
    assert len(alarm.set_for) == 2


@pytest.mark.parametrize(("took_ns", "longer"), [(90 * NS_PER_US, True), (10 * NS_PER_US, False)])
def test_what_a_wake_up_took_moves_the_next_alarm(pacer: Pacer, alarm: MadeAlarm, took_ns: int, longer: bool) -> None:
    pacer.may_sleep(10_000_000, 0)
    pacer.may_sleep(10_000_000, alarm.set_for[0] + took_ns)
    pacer.may_sleep(20_000_000, 10_000_000)
    first_ns, second_ns = 10_000_000 - alarm.set_for[0], 20_000_000 - alarm.set_for[1]
    assert second_ns > first_ns if longer else second_ns < first_ns


def test_it_stays_awake_after_the_alarm_however_quick_the_wake_up_was(pacer: Pacer, alarm: MadeAlarm) -> None:
    """The lead shrinks by it, and the alarm for this time has rung: nothing else would wake the loop."""
    assert pacer.may_sleep(10_000_000, 0)
    assert not pacer.may_sleep(10_000_000, alarm.set_for[0])
    assert not pacer.may_sleep(10_000_000, alarm.set_for[0] + 100)


def test_a_wake_up_is_learned_from_once(pacer: Pacer, alarm: MadeAlarm) -> None:
    """However often the loop comes back between the alarm and what is due."""
    pacer.may_sleep(10_000_000, 0)
    rang_ns = alarm.set_for[0]
    for step_ns in range(60_000, 90_000, 100):  # each later than the lead, if it were taken for a wake-up
        pacer.may_sleep(10_000_000, rang_ns + step_ns)
    pacer.may_sleep(20_000_000, 10_000_000)
    assert 50 * NS_PER_US < 20_000_000 - alarm.set_for[1] < 55 * NS_PER_US


def test_being_awake_without_work_is_counted(pacer: Pacer) -> None:
    assert not pacer.may_sleep(1_050_000, 1_000_000)
    pacer.count_spin(1_010_000, has_worked=False)
    assert not pacer.may_sleep(1_050_000, 1_012_000)
    pacer.count_spin(1_030_000, has_worked=False)
    assert pacer.spin_ns == 10_000 + 18_000


def test_work_is_not_counted_as_being_awake(pacer: Pacer) -> None:
    assert not pacer.may_sleep(1_050_000, 1_000_000)
    pacer.count_spin(1_040_000, has_worked=True)
    assert pacer.spin_ns == 0
    pacer.count_spin(1_060_000, has_worked=False)  # it did not wait since
    assert pacer.spin_ns == 0


def test_sleep_is_not_counted_as_being_awake(pacer: Pacer) -> None:
    assert pacer.may_sleep(9_000_000, 1_000_000)
    pacer.count_spin(8_900_000, has_worked=False)
    assert pacer.spin_ns == 0


def test_a_paced_loop_is_rarely_late_and_awake_for_less_than_its_lead() -> None:
    """A loop on a clock of its own, whose wake-ups take as long as made up, and whose turns when awake 2 µs."""
    dice, alarm, gap_ns = random.Random(3), MadeAlarm(), 1_000_000
    pacer, now_ns, late, turns = Pacer(alarm, gap_ns), 1, 0, 4_000
    for due_ns in range(gap_ns, gap_ns * (turns + 1), gap_ns):
        while now_ns < due_ns:
            if pacer.may_sleep(due_ns, now_ns):
                now_ns = max(now_ns, alarm.set_for[-1]) + round(usual_us(dice) * NS_PER_US)
            else:
                now_ns += 2 * NS_PER_US
            pacer.count_spin(now_ns, has_worked=False)
        late += now_ns - due_ns > 3 * NS_PER_US
    assert late < 0.03 * turns
    assert 0 < pacer.spin_ns < 0.06 * gap_ns * turns


@pytest.fixture
def epoll() -> Iterator[select.epoll]:
    with closing(select.epoll()) as epoll:
        yield epoll


@pytest.fixture
def real_alarm(epoll: select.epoll) -> Iterator[Timer]:
    alarm = Timer(epoll)
    yield alarm
    close(alarm.fd)


def test_an_alarm_rings_when_the_time_has_come_and_not_before(epoll: select.epoll, real_alarm: Timer) -> None:
    assert epoll.poll(0) == []
    at_ns = time.monotonic_ns() + 20 * NS_PER_MS
    real_alarm.arm(at_ns)
    assert epoll.poll(5) == [(real_alarm.fd, select.EPOLLIN)]
    assert time.monotonic_ns() >= at_ns
    assert epoll.poll(0) == []  # edge-triggered: it rings once, though nobody reads it


def test_an_alarm_can_be_set_again_before_and_after_it_rang(epoll: select.epoll, real_alarm: Timer) -> None:
    real_alarm.arm(time.monotonic_ns() + 3600 * 1000 * NS_PER_MS)
    for _ in range(2):
        at_ns = time.monotonic_ns() + 5 * NS_PER_MS
        real_alarm.arm(at_ns)
        assert epoll.poll(5) == [(real_alarm.fd, select.EPOLLIN)]
        assert time.monotonic_ns() >= at_ns


def test_an_alarm_for_a_time_that_has_passed_rings_at_once(epoll: select.epoll, real_alarm: Timer) -> None:
    real_alarm.arm(time.monotonic_ns() - NS_PER_MS)
    assert epoll.poll(5) == [(real_alarm.fd, select.EPOLLIN)]
