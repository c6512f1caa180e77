"""The addresses of a fleet: where a leader and its agents are found, and which of them are on this machine."""

from urllib.parse import urlsplit

from harness.errors import HarnessError


class FleetError(HarnessError):
    """A fleet that can't be used. The message names the file or the host, and what is wrong."""


def check_address(address: str, is_encrypted: bool) -> None:
    """Raise FleetError for what is no address of a leader, or of one that speaks in another way."""
    scheme = "tls" if is_encrypted else "tcp"
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname) and parts.port is not None
    except ValueError:
        is_whole = False
    if not is_whole or parts.scheme not in ("tls", "tcp"):
        raise FleetError(f"expected an address such as {scheme}://10.0.0.5:8786, got {address!r:.80}")
    if parts.scheme != scheme:
        why = "--keys are given" if is_encrypted else "no --keys are given"
        raise FleetError(f"expected {scheme}://, since {why}, got {address!r:.80}")


def get_address_host(address: str) -> str:
    """Return the host of an address such as ``tls://10.0.0.5:8786``."""
    return urlsplit(address).hostname or ""
