"""The keys of a fleet: an authority of its own, and certificates for the leader and for the agents."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.fleet.address import FleetError
from harness.fleet.keys import AUTHORITY, Side

LASTS: Final = timedelta(days=3650)
CLOCKS_APART: Final = timedelta(days=1)  # that a host's clock may be behind
USES: Final = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]

SIDES: Final[tuple[Side, ...]] = ("leader", "agent")


def make_keys(folder: Path) -> None:
    """Write the certificates of a new fleet into a new folder, which nobody else may read. Raises FleetError."""
    try:
        folder.mkdir(mode=0o700, parents=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "harness fleet")])
        authority = _build(name, name, key, is_authority=True).sign(key, hashes.SHA256())
        _write(folder, AUTHORITY, authority, key)
        for side in SIDES:
            own = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, side)])
            _write(folder, side, _build(subject, name, own, is_authority=False).sign(key, hashes.SHA256()), own)
    except OSError as error:
        raise FleetError(f"{folder}: can't make keys: {error.strerror}") from error


def _build(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, is_authority: bool
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(now + LASTS)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    return builder if is_authority else builder.add_extension(x509.ExtendedKeyUsage(USES), critical=False)


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for file, data in ((f"{name}.pem", certificate.public_bytes(pem)), (f"{name}-key.pem", private)):
        path = folder / file
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(data)
