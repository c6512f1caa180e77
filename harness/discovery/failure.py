"""Why there is no scenario."""


class DiscoveryError(Exception):
    """No scenario can be made of the command. The message says why, and ends with what the server wrote."""
