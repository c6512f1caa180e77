"""The keys of a fleet, as the leader and the agents use them."""

import ssl
from pathlib import Path
from typing import Final, Literal

from distributed.security import Security

from harness.fleet.address import FleetError

Side = Literal["leader", "agent"]
AUTHORITY: Final = "authority"


def security_of(folder: Path | None, side: Side) -> Security:
    """Return how this side of the fleet is secured: TLS 1.3 with certificates on both sides, or nothing without keys,
    as is allowed within one machine. Raises FleetError."""
    if folder is None:
        return Security(require_encryption=False)
    files = {name: folder / name for name in (f"{AUTHORITY}.pem", f"{side}.pem", f"{side}-key.pem")}
    if missing := [name for name, file in files.items() if not file.is_file()]:
        raise FleetError(f"{folder}: no {missing[0]}: harness fleet keys makes it")
    authority, certificate, key = map(str, files.values())
    return Security(
        require_encryption=True,
        tls_ca_file=authority,
        tls_client_cert=certificate,
        tls_client_key=key,
        tls_min_version=ssl.TLSVersion.TLSv1_3,
    )
