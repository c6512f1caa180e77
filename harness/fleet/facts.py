"""The facts that a host tells of itself when it joins a fleet, and those in which hosts may not differ."""

import hashlib
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from harness.machine.environment import Environment, describe_environment, find_differences
from harness.machine.host import Host

PACKAGES: Final = ("distributed", "pydantic")


class HostFacts(BaseModel):
    """The software and the machine of a host. ``code`` is the digest of the harness's own files: their version does not
    change with every change of them."""

    model_config = ConfigDict(frozen=True)

    name: str
    code: str
    python: str
    packages: dict[str, str]
    boot_id: str | None
    cpus: tuple[int, ...]
    environment: Environment

    @classmethod
    def gather(cls, name: str) -> Self:
        """Return those of this machine, as the host of this name."""
        host = Host.here()
        return cls(
            name=name,
            code=_digest_code(),
            python=".".join(platform.python_version_tuple()[:2]),
            packages={package: metadata.version(package) for package in PACKAGES},
            boot_id=host.text("proc/sys/kernel/random/boot_id"),
            cpus=host.cpus,
            environment=describe_environment(),
        )

    def find_other_software(self, leader: Self) -> Iterator[str]:
        """Yield what of its software is another than the leader's: what one sends, the other could take for something
        else."""
        if self.code != leader.code:
            yield "another version of the harness"
        if self.python != leader.python:
            yield f"Python {self.python} instead of {leader.python}"
        for package, version in leader.packages.items():
            if self.packages.get(package) != version:
                yield f"{package} {self.packages.get(package)} instead of {version}"

    def find_unlikeness(self, other: Self) -> Iterator[str]:
        """Yield in what another machine, which makes rounds of the same run, differs from this one."""
        yield from find_differences(self.environment, other.environment, but=("load_before",))
        if self.boot_id is not None and self.boot_id == other.boot_id:
            yield "both are one machine, and would disturb each other"


def _digest_code() -> str:
    folder = Path(__file__).parents[1]
    files = sorted(folder.rglob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()
