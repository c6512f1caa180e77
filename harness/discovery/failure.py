"""The error of a discovery that finds no scenario."""

from harness.errors import HarnessError


class DiscoveryError(HarnessError):
    """No scenario can be made of the command. The message says why, and ends with what the server wrote."""
