"""The monitor: what the server's processes and the whole machine use in the measured window."""

from harness.monitor.core_speed import CoreSpeedProbe
from harness.monitor.monitor import Monitor

__all__ = ["CoreSpeedProbe", "Monitor"]
