"""What the server's processes, and the machine with them, do in the measured window."""

from harness.monitor.monitor import Monitor
from harness.monitor.pace import Pace

__all__ = ["Monitor", "Pace"]
