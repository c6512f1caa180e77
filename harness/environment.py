"""The machine and the software a run was made on: what a reader needs to judge and to repeat it."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil
from pydantic import BaseModel, ConfigDict

from harness.machine.cgroup import memory_limit_bytes
from harness.machine.cores import UsableCores
from harness.machine.host import Host
from harness.text import Printable

PASSING: Final = ("load_before", "git_dirty")  # the one is never the same, the other is told by the changes
PACKAGES: Final = ("aiohttp", "gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools", "psutil")


class Environment(BaseModel):
    """Where a run was made. None where this machine does not tell.

    ``usable_cores`` are whole ones, the lesser of those that one may run on and the CPU quota; ``cpu_quota_cores`` is
    that quota, None where it is not the lesser. ``memory_bytes`` is what one may use of the machine's.
    """

    model_config = ConfigDict(frozen=True)

    cpu_model: Printable | None
    cores: int
    usable_cores: int
    cpu_quota_cores: float | None = None
    memory_bytes: int
    system: Printable
    kernel: Printable
    python: Printable
    node: Printable | None
    packages: dict[Printable, Printable]
    harness: Printable
    git_commit: Printable | None
    git_dirty: bool | None
    git_changes: Printable | None = None  # a digest of what is not committed
    load_before: tuple[float, float, float]


def describe_environment() -> Environment:
    """Read it from the running machine, before the run adds its own load."""
    host = Host.here()
    usable = UsableCores.of(host)
    status, changes = _output("git", "status", "--porcelain"), _output("git", "diff", "HEAD")
    return Environment(
        cpu_model=_cpu_model(),
        cores=psutil.cpu_count() or 1,
        usable_cores=usable.count,
        cpu_quota_cores=usable.quota if usable.is_limited else None,
        memory_bytes=_usable_memory_bytes(host),
        system=_system(),
        kernel=platform.release(),
        python=platform.python_version(),
        node=_output("node", "--version"),
        packages={name: version for name in PACKAGES if (version := _version(name)) is not None},
        harness=_version("harness") or "unknown",
        git_commit=_output("git", "rev-parse", "HEAD"),
        git_dirty=None if status is None else bool(status),
        git_changes=None if changes is None else hashlib.sha256(changes.encode()).hexdigest(),
        load_before=os.getloadavg(),
    )


def differences(one: Environment, other: Environment, but: Sequence[str] = ()) -> list[str]:
    """In which respects two environments differ that could make a measurement differ, in words, ``but`` for some."""
    return [
        f"{name.replace('_', ' ')}: {was} then, {now} now"
        for name in type(one).model_fields
        if name not in (*PASSING, *but) and (was := getattr(one, name)) != (now := getattr(other, name))
    ]


def _usable_memory_bytes(host: Host) -> int:
    """The lesser of what the machine has and what the control group allows."""
    has_bytes, may_bytes = psutil.virtual_memory().total, memory_limit_bytes(host)
    return has_bytes if may_bytes is None else int(min(has_bytes, may_bytes))


def _cpu_model() -> str | None:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return None


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
