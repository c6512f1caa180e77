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

from harness.text import Printable

PASSING: Final = ("load_before", "git_dirty")  # the one is never the same, the other is told by the changes
PACKAGES: Final = ("aiohttp", "gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools", "psutil")


class Environment(BaseModel):
    """Where a run was made. None where this machine does not tell."""

    model_config = ConfigDict(frozen=True)

    cpu_model: Printable | None
    cores: int
    usable_cores: int
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
    status, changes = _output("git", "status", "--porcelain"), _output("git", "diff", "HEAD")
    return Environment(
        cpu_model=_cpu_model(),
        cores=psutil.cpu_count() or 1,
        usable_cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
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


def usable_cores() -> int:
    """How many cores this process, and so the server and the generator that it starts, may run on."""
    return len(os.sched_getaffinity(0))


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
