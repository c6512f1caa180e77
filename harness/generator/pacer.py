"""Waking up to the microsecond for what is due, for which a poll's time-out in milliseconds is too coarse."""

import ctypes
import os
import select
import time
from typing import Final

from harness.units import NS_PER_S, NS_PER_US

TFD_NONBLOCK: Final = os.O_NONBLOCK  # timerfd_create(2)
TFD_CLOEXEC: Final = os.O_CLOEXEC
TFD_TIMER_ABSTIME: Final = 1

MAX_LEAD_NS: Final = 100 * NS_PER_US
MAX_LEAD_OF_GAP: Final = 0.25  # so that the loop spins for no more than this share of the time
LEAD_STEP_NS: Final = 4 * NS_PER_US
TOO_LATE_SHARE: Final = 0.01  # of the wake-ups, which may take longer than the lead


class WakeupLead:
    """The time by which to wake up early (ns): the 99th percentile of what wake-ups take, which differs by machine.

    It is found by stochastic approximation (Robbins and Monro, 1951): a large step up after each wake-up that took
    longer, a small one down after the others.
    """

    def __init__(self, gap_ns: float) -> None:
        self._most_ns = min(float(MAX_LEAD_NS), MAX_LEAD_OF_GAP * gap_ns)
        self.ns = self._most_ns / 2

    def learn(self, took_ns: int) -> None:
        """Adapt to a wake-up that came ``took_ns`` after the time for which the timer was armed."""
        if took_ns > self.ns:
            self.ns = min(self._most_ns, self.ns + LEAD_STEP_NS * (1 - TOO_LATE_SHARE))
        else:
            self.ns = max(0.0, self.ns - LEAD_STEP_NS * TOO_LATE_SHARE)


class Timer:
    """A timerfd on a poll, which reports ``fd`` when the time has come. Edge-triggered, so that it need not be read."""

    def __init__(self, epoll: select.epoll) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = libc.timerfd_create(time.CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "timerfd_create")
        self._settime = libc.timerfd_settime
        self._setting = _TimerSetting()
        self._reference = ctypes.byref(self._setting)
        epoll.register(self.fd, select.EPOLLIN | select.EPOLLET)

    def arm(self, at_ns: int) -> None:
        """Have the timer fire at this time of the monotonic clock, instead of an earlier setting."""
        self._setting.value.seconds, self._setting.value.ns = divmod(at_ns, NS_PER_S)
        self._settime(self.fd, TFD_TIMER_ABSTIME, self._reference, None)


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("ns", ctypes.c_long))


class _TimerSetting(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class Pacer:
    """A pacer that wakes the loop a little before the next request is due; for the rest of the time the loop spins.

    ``spin_ns`` is the time that was spent so, waiting, which is no work.
    """

    def __init__(self, timer: Timer, gap_ns: float) -> None:
        self.spin_ns = 0
        self._timer = timer
        self._lead = WakeupLead(gap_ns)
        self._armed_for_ns = self._wakeup_ns = 0
        self._is_armed = False
        self._waiting_since_ns = 0

    def may_sleep(self, due_ns: int, now_ns: int) -> bool:
        """Return True if the loop may sleep, and is woken in time for ``due_ns``; otherwise it has to spin."""
        is_near = (
            due_ns - now_ns <= self._lead.ns
        )  # before learning, which may shorten the lead by which the timer was armed
        if self._is_armed and now_ns >= self._wakeup_ns:
            self._lead.learn(now_ns - self._wakeup_ns)
            self._is_armed = False
        if is_near:
            self._waiting_since_ns = now_ns
            return False
        if self._armed_for_ns != due_ns:
            self._armed_for_ns, self._wakeup_ns = due_ns, due_ns - int(self._lead.ns)
            self._is_armed = True
            self._timer.arm(self._wakeup_ns)
        return True

    def count_spin(self, now_ns: int, has_worked: bool) -> None:
        """Count the time since :meth:`may_sleep` returned False as spinning, unless the loop has worked meanwhile."""
        if self._waiting_since_ns and not has_worked:
            self.spin_ns += now_ns - self._waiting_since_ns
        self._waiting_since_ns = 0
