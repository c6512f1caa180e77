"""The machine and the software a run was made on: what a reader needs to judge and to repeat it."""

import hashlib
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil
from pydantic import BaseModel, ConfigDict

from harness.machine.cgroup import memory_limit_bytes
from harness.machine.cores import UsableCores
from harness.machine.git import RevisionError, git
from harness.machine.host import Host
from harness.machine.tools import run_tool
from harness.text import Printable
from harness.units.ranges import Amount, PositiveAmount, PositiveCount

PASSING: Final = ("load_before", "git_dirty")  # the one is never the same, the other is told by the changes
ANSWER_S: Final = 10.0  # how long git and Node.js are waited for
_EVERYTHING: Final = ("--untracked-files=normal", "--ignore-submodules=none")  # whatever the user's configuration says
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
    """Where a run was made. None where this machine does not tell.

    ``usable_cores`` are whole ones, the lesser of those that one may run on and the CPU quota; ``cpu_quota_cores`` is
    that quota, None where it is not the lesser. ``memory_bytes`` is what one may use of the machine's.
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
    """Read it from the running machine, before the run adds its own load."""
    host = Host.here()
    usable = UsableCores.of(host)
    status, changes = _git("status", "--porcelain", *_EVERYTHING), _git("diff", *_DIFF, "HEAD")
    return Environment(
        cpu_model=_cpu_model(),
        cores=psutil.cpu_count() or 1,
        usable_cores=usable.count,
        cpu_quota_cores=usable.quota if usable.is_limited else None,
        memory_bytes=_usable_memory_bytes(host),
        system=_system(),
        kernel=platform.release(),
        python=platform.python_version(),
        node=_version_of_node(),
        packages={name: version for name in PACKAGES if (version := _version(name)) is not None},
        harness=_version("harness") or "unknown",
        git_commit=_git("rev-parse", "HEAD"),
        git_dirty=None if status is None else bool(status),
        git_changes=None if changes is None else hashlib.sha256(os.fsencode(changes)).hexdigest(),
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
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return None


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, UnicodeDecodeError):
        return platform.system()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    """What git prints here; None where there is no repository, or it does not tell in time."""
    try:
        return git(Path.cwd(), *arguments, most_s=ANSWER_S)
    except RevisionError:
        return None


def _version_of_node() -> str | None:
    try:
        answer = run_tool(["node", "--version"], ANSWER_S)
    except OSError:
        return None
    return None if answer.code else answer.output.decode(errors="replace").strip()
