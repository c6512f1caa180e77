"""Containers: the commands that run a server in an image, by podman.

podman starts a container below the process that asks for it, so that all of it is guarded, counted, limited and ended
as any other server is. Docker has its containers started by a service of its own, where nothing of that holds.
"""

import contextlib
import hashlib
import os
import resource
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import psutil

from harness.machine.tools import ToolOutput, run_tool

# podman's own: where it finds images, and how it is configured.
VARIABLES: Final = (
    "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF",
    "CONTAINERS_REGISTRIES_CONF", "STORAGE_DRIVER", "STORAGE_OPTS",
)  # fmt: skip
ARCHIVES: Final = ("oci-archive:", "docker-archive:", "oci:", "dir:")  # images in files, before their path
ANSWER_S: Final = 10.0  # the longest wait for podman's answer
MONITOR: Final = "conmon"
RUNTIME: Final = {"podman", MONITOR, "crun", "runc"}  # beside and above the processes in the container
_LIMITS: Final = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
_MOST_PROCESSES: Final = Path("/proc/sys/kernel/pid_max")  # to which podman lowers its own limit, and so the highest


@dataclass(frozen=True)
class Container:
    """A container that runs in an image, under a name of its own, with these folders of the machine at the same paths:
    those that it may ``write`` to, and those that it may only ``read``. It runs in the ``folder``, or the image's own.
    Its ``variables`` are in the file ``env_file``, which somebody else writes: everybody on a machine may read the
    commands that run on it, and podman would take some of them for its own."""

    image: str
    name: str
    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    folder: str | None = None
    env_file: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, image: str, **settings: Any) -> Self:
        """Return a container under a new name."""
        return cls(image, f"harness-{secrets.token_hex(8)}", **settings)

    def list_words(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the command that runs the words, or what the image runs by itself where there are none.

        The network is the machine's own, and so are the limits on files and processes, so that the container pays for
        nothing that a server beside it does not. Control groups are left to the harness.
        """
        return (
            find_podman(),
            *("run", "--rm", "--name", self.name, "--pull=never", "--log-driver=none"),
            *("--network=host", "--cgroups=disabled", "--security-opt=label=disable"),
            *_list_ulimits(),
            *(f"--mount=type=bind,src={folder},dst={folder}" for folder in self.write),
            *(f"--mount=type=bind,src={folder},dst={folder},ro=true" for folder in self.read),
            *([f"--workdir={self.folder}"] if self.folder else []),
            *([f"--env-file={self.env_file}"] if self.env_file else []),
            self.image,
            *words,
        )

    @property
    def removal(self) -> tuple[str, ...]:
        """The command that removes what is left of it, if anything is."""
        return find_podman(), "rm", "--force", "--volumes", "--ignore", "--time=0", self.name

    def write_variables(self) -> None:
        """Write its variables to its file. Raises OSError."""
        if self.env_file is not None:
            lines = [f"{name}={value}\n" for name, value in self.variables.items()]
            Path(self.env_file).write_text("".join(lines), encoding="utf-8", errors="surrogateescape")


def find_podman() -> str:
    """Return the path of podman; its bare name if it is not here."""
    return shutil.which("podman") or "podman"


def podman_environment() -> dict[str, str]:
    """Return the variables of the caller's that are podman's own."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def find_first_process(processes: Iterable[psutil.Process]) -> int | None:
    """Return the id of the first process in a container: the child of podman's monitor. None where there is none."""
    by_pid = {process.pid: process for process in processes}
    for process in by_pid.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            monitor = by_pid.get(process.ppid())
            if monitor is not None and monitor.name() == MONITOR:
                return process.pid
    return None


def explain_missing_image(image: str, env: Mapping[str, str], folder: str) -> str | None:
    """Return why no container can be started from the image, and what to do about it; None where one can. Paths of
    archives are relative to the folder."""
    if shutil.which("podman") is None:
        docker = "docker would start it where it can't be watched: " if shutil.which("docker") else ""
        return f"podman not found on PATH; {docker}install podman, which runs the same images"
    if is_archive(image):
        return None if find_archive(image, folder) else f"there is no {image.partition(':')[2]} to take an image from"
    try:
        answer = _ask(image, "exists", env)
    except (OSError, TimeoutError) as error:
        return f"podman can't be asked for the image {image}: {error}"
    if answer.code == 0:
        return None
    if said := answer.errors.decode(errors="replace").strip():
        return f"podman can't be asked for the image {image}: {said.splitlines()[-1]}"
    return f"podman has no image {image}; podman pull or podman build brings it"


def read_image_id(image: str, env: Mapping[str, str], folder: str) -> str | None:
    """Return the digest that tells the image from all others, of an archive that of its file; None where it is not
    known."""
    if is_archive(image):
        path = find_archive(image, folder)
        if path is None or not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    try:
        answer = _ask(image, "inspect", env, "--format={{.Id}}")
    except (OSError, TimeoutError):
        return None
    return answer.output.decode(errors="replace").strip() or None if answer.code == 0 else None


def is_archive(image: str) -> bool:
    """Check whether the image is in a file, or a folder, and not in podman's store."""
    return image.startswith(ARCHIVES)


def find_archive(image: str, folder: str) -> Path | None:
    """Return the file, or the folder, that holds the image; None where it is not there. Its path, relative to
    ``folder``, may be followed by the name of one of several images."""
    place = image.partition(":")[2]
    paths = (
        Path(folder, place),
        Path(folder, place.rpartition(":")[0] or place),
        Path(folder, place.partition(":")[0]),
    )
    return next((path for path in paths if path.exists()), None)


def _ask(image: str, verb: str, env: Mapping[str, str], *options: str) -> ToolOutput:
    return run_tool([find_podman(), "image", verb, *options, image], ANSWER_S, env)


def _list_ulimits() -> Iterator[str]:
    """Yield the limits of this process as options. Without them podman asks for more, which not every root may have."""
    most = {"nproc": int(_MOST_PROCESSES.read_text(encoding="ascii"))}
    for name, number in _LIMITS.items():
        limits = [each for each in resource.getrlimit(number) if each != resource.RLIM_INFINITY]
        if len(limits) == 2:
            soft, hard = (min(each, most.get(name, each)) for each in limits)
            yield f"--ulimit={name}={soft}:{hard}"
