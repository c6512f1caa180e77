"""What the server's processes, and the machine with them, do in the measured window."""

from harness.monitor.monitor import Monitor

__all__ = ["Monitor"]
