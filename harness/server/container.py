"""Containers: the commands that run a server in an image, by podman.

podman starts a container below the process that asks for it, so that all of it is guarded, counted, limited and ended
as any other server is. Docker has its containers started by a service of its own, where nothing of that holds.
"""

import os
import resource
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from harness.machine.tools import ToolOutput, run_tool

# podman's own: where it finds images, and how it is configured.
VARIABLES: Final = (
    "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF",
    "CONTAINERS_REGISTRIES_CONF", "STORAGE_DRIVER", "STORAGE_OPTS",
)  # fmt: skip
ARCHIVES: Final = ("oci-archive:", "docker-archive:", "oci:", "dir:")  # images in files, before their path
ANSWER_S: Final = 10.0  # the longest wait for podman's answer
_LIMITS: Final = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
_MOST_PROCESSES: Final = Path("/proc/sys/kernel/pid_max")  # to which podman lowers its own limit, and so the highest


@dataclass(frozen=True)
class Container:
    """A container that runs in an image, under a name of its own, with these folders of the machine at the same paths:
    those that it may write to, and those that it may only read."""

    image: str
    name: str
    written: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    folder: str | None = None  # in which it runs; the image's own where it is None

    @classmethod
    def of(cls, image: str, written: Iterable[str] = (), read: Iterable[str] = (), folder: str | None = None) -> Self:
        """Return a container under a new name."""
        return cls(image, f"harness-{secrets.token_hex(8)}", tuple(written), tuple(read), folder)

    def list_words(self, words: Sequence[str], variables: Iterable[str]) -> tuple[str, ...]:
        """Return the command that runs the words, or what the image runs by itself where there are none. The variables
        are taken from its environment by their names, since everybody on a machine may read its commands.

        The network is the machine's own, and so are the limits on files and processes, so that the container pays for
        nothing that a server beside it does not. Control groups are left to the harness.
        """
        return (
            find_podman(),
            *("run", "--rm", "--name", self.name, "--pull=never", "--log-driver=none"),
            *("--network=host", "--cgroups=disabled"),
            *_list_ulimits(),
            *(f"--volume={folder}:{folder}" for folder in self.written),
            *(f"--volume={folder}:{folder}:ro" for folder in self.read),
            *([f"--workdir={self.folder}"] if self.folder else []),
            *(f"--env={name}" for name in variables),
            self.image,
            *words,
        )

    @property
    def removal(self) -> tuple[str, ...]:
        """The command that removes what is left of it, if anything is."""
        return find_podman(), "rm", "--force", "--ignore", "--time=0", self.name


def find_podman() -> str:
    """Return the path of podman, which a PATH for the container must not hide; its bare name if it is not here."""
    return shutil.which("podman") or "podman"


def podman_environment() -> dict[str, str]:
    """Return the variables of the caller's that are podman's own."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def explain_missing_image(image: str, env: Mapping[str, str]) -> str | None:
    """Return why no container can be started from the image, and what to do about it; None where one can."""
    if shutil.which("podman") is None:
        docker = "docker would start it where it can't be watched: " if shutil.which("docker") else ""
        return f"podman not found on PATH; {docker}install podman, which runs the same images"
    if (path := _find_archive(image)) is not None:
        return None if os.path.exists(path) else f"there is no {path} to take an image from"
    try:
        answer = _ask(image, "exists", env)
    except (OSError, TimeoutError) as error:
        return f"podman can't be asked for the image {image}: {error}"
    if answer.code == 0:
        return None
    if said := answer.errors.decode(errors="replace").strip():
        return f"podman can't be asked for the image {image}: {said.splitlines()[-1]}"
    return f"podman has no image {image}; podman pull or podman build brings it"


def read_image_id(image: str, env: Mapping[str, str]) -> str | None:
    """Return the digest that tells the image from all others; None where podman does not tell."""
    try:
        answer = _ask(image, "inspect", env, "--format={{.Id}}")
    except (OSError, TimeoutError):
        return None
    return answer.output.decode(errors="replace").strip() or None if answer.code == 0 else None


def _find_archive(image: str) -> str | None:
    """Return the path of the file, or of the folder, that holds the image; None where podman's store does."""
    return next((image.removeprefix(kind) for kind in ARCHIVES if image.startswith(kind)), None)


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
