"""The machine and the software of a run: what a reader needs to judge the run and to repeat it."""

import hashlib
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil
from pydantic import BaseModel, ConfigDict

from harness.machine.cgroup import read_memory_limit_bytes
from harness.machine.cores import UsableCores
from harness.machine.git import RevisionError, run_git
from harness.machine.host import Host
from harness.machine.tools import run_tool
from harness.text import Printable
from harness.units.ranges import Amount, PositiveAmount, PositiveCount

PASSING: Final = ("load_before", "git_dirty")  # the one always differs, the other follows from git_changes
ANSWER_S: Final = 10.0  # the longest wait for git and Node.js
_EVERYTHING: Final = ("--untracked-files=normal", "--ignore-submodules=none")  # overrides the user's configuration
_DIFF: Final = (
    "--ignore-submodules=none",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-renames",
    "--binary",
    "--submodule=diff",
)
PACKAGES: Final = ("aiohttp", "gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools", "psutil")


class Environment(BaseModel):
    """The environment in which a run was made. A value is None if it is unknown.

    ``usable_cores`` is a whole number, limited by the CPUs that a process may run on and by the CPU quota;
    ``cpu_quota_cores`` is that quota, None if it is not the tighter limit. ``memory_bytes`` is the usable memory.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    cpu_model: Printable | None
    cores: PositiveCount
    usable_cores: PositiveCount
    cpu_quota_cores: PositiveAmount | None = None
    memory_bytes: PositiveCount
    system: Printable
    kernel: Printable
    python: Printable
    node: Printable | None
    packages: dict[Printable, Printable]
    harness: Printable
    git_commit: Printable | None
    git_dirty: bool | None
    git_changes: Printable | None = None  # a digest of what is not committed
    load_before: tuple[Amount, Amount, Amount]


def describe_environment() -> Environment:
    """Return the environment, as read from the machine. Call it before the run adds its own load."""
    host = Host.here()
    usable = UsableCores.of(host)
    status, changes = _ask_git("status", "--porcelain", *_EVERYTHING), _ask_git("diff", *_DIFF, "HEAD")
    return Environment(
        cpu_model=_read_cpu_model(),
        cores=psutil.cpu_count() or 1,
        usable_cores=usable.count,
        cpu_quota_cores=usable.quota if usable.is_limited else None,
        memory_bytes=_read_usable_memory_bytes(host),
        system=_read_system(),
        kernel=platform.release(),
        python=platform.python_version(),
        node=_read_node_version(),
        packages={name: version for name in PACKAGES if (version := _read_package_version(name)) is not None},
        harness=_read_package_version("harness") or "unknown",
        git_commit=_ask_git("rev-parse", "HEAD"),
        git_dirty=None if status is None else bool(status),
        git_changes=None if changes is None else hashlib.sha256(os.fsencode(changes)).hexdigest(),
        load_before=os.getloadavg(),
    )


def find_differences(one: Environment, other: Environment, but: Sequence[str] = ()) -> list[str]:
    """Return in words how two environments differ, where that may change measurements; ``but`` are fields to ignore."""
    return [
        f"{name.replace('_', ' ')}: {was} then, {now} now"
        for name in type(one).model_fields
        if name not in (*PASSING, *but) and (was := getattr(one, name)) != (now := getattr(other, name))
    ]


def _read_usable_memory_bytes(host: Host) -> int:
    """Return the memory of the machine, or the limit of the control group if that is less."""
    has_bytes, may_bytes = psutil.virtual_memory().total, read_memory_limit_bytes(host)
    return has_bytes if may_bytes is None else int(min(has_bytes, may_bytes))


def _read_cpu_model() -> str | None:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return None


def _read_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, UnicodeDecodeError):
        return platform.system()


def _read_package_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _ask_git(*arguments: str) -> str | None:
    """Return what git prints here; None if there is no repository, or git takes too long."""
    try:
        return run_git(Path.cwd(), *arguments, timeout_s=ANSWER_S)
    except RevisionError:
        return None


def _read_node_version() -> str | None:
    try:
        answer = run_tool(["node", "--version"], ANSWER_S)
    except OSError:
        return None
    return None if answer.code else answer.output.decode(errors="replace").strip()
