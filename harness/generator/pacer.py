"""When to wake up for something that is due to the microsecond, which a poll's time-out in milliseconds can't tell."""

import ctypes
import os
import select
import time
from typing import Final

from harness.units import NS_PER_S, NS_PER_US

TFD_NONBLOCK: Final = os.O_NONBLOCK  # timerfd_create(2)
TFD_CLOEXEC: Final = os.O_CLOEXEC
TFD_TIMER_ABSTIME: Final = 1

MOST_LEAD_NS: Final = 100 * NS_PER_US
MOST_LEAD_OF_GAP: Final = 0.25  # so that no more than this share of the time is spent awake before something is due
LEAD_STEP_NS: Final = 4 * NS_PER_US
TOO_LATE_SHARE: Final = 0.01  # how many of the wake-ups may take longer than the lead


class WakeupLead:
    """How long before something is due to wake up: about as long as 99 of 100 wake-ups take, which differs by machine.

    A stochastic approximation of that quantile (Robbins and Monro, 1951): a large step up after each wake-up that took
    longer, a small one down after the others.
    """

    def __init__(self, gap_ns: float) -> None:
        self._most_ns = min(float(MOST_LEAD_NS), MOST_LEAD_OF_GAP * gap_ns)
        self.ns = self._most_ns / 2

    def learn(self, took_ns: int) -> None:
        """A wake-up came ``took_ns`` after the time that was set."""
        if took_ns > self.ns:
            self.ns = min(self._most_ns, self.ns + LEAD_STEP_NS * (1 - TOO_LATE_SHARE))
        else:
            self.ns = max(0.0, self.ns - LEAD_STEP_NS * TOO_LATE_SHARE)


class Timer:
    """A timerfd on a poll, which tells ``fd`` when the time has come. Edge-triggered: it need not be read."""

    def __init__(self, epoll: select.epoll) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = libc.timerfd_create(time.CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "timerfd_create")
        self._settime = libc.timerfd_settime
        self._setting = _TimerSetting()
        self._reference = ctypes.byref(self._setting)
        epoll.register(self.fd, select.EPOLLIN | select.EPOLLET)

    def set(self, at_ns: int) -> None:
        """Ring at this time of the monotonic clock."""
        self._setting.value.seconds, self._setting.value.ns = divmod(at_ns, NS_PER_S)
        self._settime(self.fd, TFD_TIMER_ABSTIME, self._reference, None)


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("ns", ctypes.c_long))


class _TimerSetting(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class Pacer:
    """Wakes the loop a little before the next request is due; the rest of the way the loop stays awake.

    ``awake_ns`` is the time that was spent so, waiting, which is no work.
    """

    def __init__(self, alarm: Timer, gap_ns: float) -> None:
        self.awake_ns = 0
        self._alarm = alarm
        self._lead = WakeupLead(gap_ns)
        self._set_for_ns = self._alarm_ns = 0
        self._rings = False
        self._waiting_since_ns = 0

    def wait(self, due_ns: int, now_ns: int) -> bool:
        """Whether the loop may sleep, to be woken in time for ``due_ns``; otherwise it is to come back at once."""
        is_near = due_ns - now_ns <= self._lead.ns  # by the lead that the alarm was set with: it may shrink just now
        if self._rings and now_ns >= self._alarm_ns:
            self._lead.learn(now_ns - self._alarm_ns)
            self._rings = False
        if is_near:
            self._waiting_since_ns = now_ns
            return False
        if self._set_for_ns != due_ns:
            self._set_for_ns, self._alarm_ns = due_ns, due_ns - int(self._lead.ns)
            self._rings = True
            self._alarm.set(self._alarm_ns)
        return True

    def back(self, now_ns: int, has_worked: bool) -> None:
        """The loop is back from the poll; what it did not work since it came back last was waiting."""
        if self._waiting_since_ns and not has_worked:
            self.awake_ns += now_ns - self._waiting_since_ns
        self._waiting_since_ns = 0
