"""Topologies in containers: they are measured as any server is, by podman itself, and nothing of them is left."""

import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from harness.measure.base_and_head import prepare_side_by_side
from harness.record import Run, read_run
from harness.scenario import ScenarioError
from harness.scenario.malloc import KEEPING_VARIABLES
from harness.scenario.secrets import as_written, redactor_of
from harness.server.launch import ServerCommand, ServerPlace, explain_missing_programs
from tests.granting import needs_limits
from tests.test_scenario import loaded, refusal
from tests.trial.shops import ROOT

pytestmark = pytest.mark.compares

IMAGE: Final = "localhost/page:1"
# Some virtual machines have control groups of both versions, which crun refuses. Of a namespace of mounts, a part of
# them can be taken away.
IN_NAMESPACE: Final = (
    "if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; "
    'mount --make-rprivate /; exec "$@"'
)
ENDING: Final = '"sh", "-c", "trap \'kill $!\' TERM; /bin/busybox httpd $* & wait", "sh"'
STUBBORN: Final = '"httpd"'  # which ignores SIGTERM as the first process of a container
SCENARIO: Final = """
name = "boxes"
rounds = 1

[load]
path = "/page"
connections = 4
warmup = "200ms"
duration = "500ms"

[[topology]]
name = "beside"
command = ["busybox", "httpd", "-f", "-p", "{{host}}:{{port}}", "-h", "{www}"]

[[topology]]
name = "boxed"
image = "localhost/page:{{tag}}"
command = ["/bin/busybox", {words}, "-f", "-p", "{{host}}:{{port}}", "-h", "/www"]
env = {{ SECRET = "of nobody else" }}
{limits}
[topology.grid]
tag = ["1"]

[[topology]]
name = "archived"
image = "oci-archive:{{root}}/page.tar"
command = ["/bin/busybox", {words}, "-f", "-p", "{{host}}:{{port}}", "-h", "/www"]
"""


@dataclass(frozen=True)
class Podman:
    """podman with a store of its own, in a folder, that holds one image: BusyBox with a page."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf")}

    def words(self, *words: str) -> list[str]:
        return ["unshare", "--mount", "sh", "-c", IN_NAMESPACE, "sh", *words]

    def run(self, *words: str, data: bytes = b"") -> str:
        done = subprocess.run(self.words(*words), env=self.env, input=data, capture_output=True, cwd=self.folder)
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        return done.stdout.decode()

    def containers(self) -> list[str]:
        return self.run("podman", "ps", "--all", "--format", "{{.Names}}").split()

    def start(self, out: Path, scenario: str, *options: str) -> "subprocess.Popen[bytes]":
        (self.folder / "scenario.toml").write_text(scenario, encoding="utf-8")
        words = [sys.executable, "-m", "harness", "compare", "scenario.toml", "--out", str(out), *options]
        return subprocess.Popen(
            self.words(*words), env=self.env, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    for program in ("podman", "crun", "busybox"):
        assert shutil.which(program), f"apt install podman crun busybox-static: {program} is not here"
    folder = tmp_path_factory.mktemp("podman")
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n', encoding="utf-8"
    )
    (folder / "www").mkdir()
    (folder / "www" / "page").write_text("a page", encoding="utf-8")
    made = Podman(folder)
    made.run("podman", "import", "--quiet", "--change", "USER 1000", "-", IMAGE, data=image_of(folder / "www" / "page"))
    made.run("podman", "save", "--quiet", "--format=oci-archive", "--output=page.tar", IMAGE)
    yield made
    assert made.containers() == []


def image_of(page: Path) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        busybox = shutil.which("busybox")
        assert busybox is not None
        tar.add(os.path.realpath(busybox), "bin/busybox")
        tar.add(page, "www/page")
    return data.getvalue()


def scenario_of(podman: Podman, words: str, limits: str = "") -> str:
    return SCENARIO.format(www=podman.folder / "www", words=words, limits=limits)


def made_run(podman: Podman, out: Path, scenario: str) -> Run:
    process = podman.start(out, scenario)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said.decode()
    return read_run(out / "latest")


@needs_limits
def test_a_container_is_measured_as_a_server_beside_it_is(podman: Podman, tmp_path: Path) -> None:
    run = made_run(podman, tmp_path, scenario_of(podman, ENDING, 'memory = "64MiB"'))
    assert {record.topology for record in run.records} == {"beside", "boxed", "archived"}
    (boxed,) = (record for record in run.records if record.topology == "boxed")
    for record in run.records:
        assert (record.status, record.reason) == ("ok", None)
        assert record.load is not None
        assert record.load.errors.total == 0
        assert {each.name for each in record.processes if each.role == "worker"} == {"busybox"}
    assert boxed.usage is not None
    assert boxed.usage.cpu_s > 0
    assert boxed.usage.limit is not None
    assert (boxed.usage.limit.memory_bytes, boxed.usage.limit.oom_kills) == (2**26, 0)
    roles = {process.name: process.role for process in boxed.processes}
    assert (roles["podman"], roles["conmon"]) == ("helper", "helper")
    assert {record.allocator for record in run.records} == {"none"}
    image, archived = (each for each in run.info.programs if each.name == "image")
    assert (image.path, archived.path) == (IMAGE, f"oci-archive:{podman.folder}/page.tar")
    assert image.version == podman.run("podman", "image", "inspect", "--format={{.Id}}", IMAGE).strip()
    assert archived.version == hashlib.sha256((podman.folder / "page.tar").read_bytes()).hexdigest()
    assert podman.containers() == []


def test_events_and_a_low_rate_meet_the_server_and_not_podman(podman: Podman, tmp_path: Path) -> None:
    names = tmp_path / "names"
    event = f'[[event]]\nat = "1.5s"\nrun = ["sh", "-c", "readlink /proc/{{pid}}/exe > {names}"]\n'
    scenario = scenario_of(podman, STUBBORN).replace("connections = 4\n", "rate = 4\n").replace("500ms", "3s") + event
    process = podman.start(tmp_path / "out", scenario, "--only", "boxed")
    said, _ = process.communicate(timeout=60)
    (record,) = read_run(tmp_path / "out" / "latest").records
    assert (record.status, record.reason) == ("ok", None), said.decode()
    assert names.read_text(encoding="utf-8") == "/bin/busybox\n"


def test_nothing_of_a_container_is_left_when_the_harness_is_killed(podman: Podman, tmp_path: Path) -> None:
    process = podman.start(tmp_path, scenario_of(podman, STUBBORN).replace("500ms", "60s"), "--only", "boxed")
    deadline_s = time.monotonic() + 60
    while not podman.containers() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert podman.containers() != []
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    deadline_s = time.monotonic() + 20
    while podman.containers() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert podman.containers() == []
    assert str(tmp_path) not in subprocess.run(["ps", "-ef"], capture_output=True, text=True).stdout


BOXED: Final = 'name = "a"\n[[topology]]\nname = "a"\nimage = "shop:1"\n'


def commands_of(tmp_path: Path, text: str, place: ServerPlace) -> Sequence[ServerCommand]:
    (topology,) = loaded(tmp_path, text).topologies
    return ServerCommand.list_of(topology, place)


def test_its_variables_are_neither_in_its_command_nor_podmans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "of the caller")
    text = 'env = { PORT = "{port}", HOME = "/app" }\npass_env = ["TOKEN"]\nmalloc = "keep"\n'
    (tmp_path / "trial").mkdir()
    (command,) = commands_of(tmp_path, BOXED + text, ServerPlace(8080, folder=str(tmp_path / "trial")))
    assert not any("of the caller" in word or "8080" in word for word in command.words)
    assert "PORT" not in command.env
    assert command.env["HOME"] == os.environ["HOME"]
    assert command.words[-1] == "shop:1"  # and what the image runs by itself
    assert f"--env-file={tmp_path}/env-1" in command.words
    assert command.container is not None
    command.container.write_variables()
    lines = (tmp_path / "env-1").read_text(encoding="utf-8").splitlines()
    assert {"PORT=8080", "HOME=/app", "TOKEN=of the caller"} <= {*lines}
    assert {line.partition("=")[0] for line in lines} == {"PORT", "HOME", "TOKEN", *KEEPING_VARIABLES}


def test_it_sees_of_the_machine_what_the_topology_names(tmp_path: Path) -> None:
    text = 'command = ["serve", "{port}", "{root}", "{folder}"]\ncwd = "site"\n'
    (command,) = commands_of(tmp_path, BOXED + text, ServerPlace(8080, folder="/folder"))
    here = os.getcwd()
    assert seen_by(command) == ["/folder", f"{here},ro=true", f"{here}/site"]
    (above,) = commands_of(tmp_path, BOXED + 'command = ["serve", "{port}"]\ncwd = "/srv"\n', ServerPlace(8080))
    assert seen_by(above) == [f"{here},ro=true", "/srv,ro=true", "/srv"]


def test_it_sees_nothing_that_the_topology_does_not_name(tmp_path: Path) -> None:
    image = BOXED.replace("shop:1", "oci-archive:{root}/shop.tar")  # which podman reads, and not the server
    (command,) = commands_of(tmp_path, image + 'command = ["serve", "{port}"]\n', ServerPlace(8080))
    assert seen_by(command) == []


def test_it_sees_what_its_files_name(tmp_path: Path) -> None:
    file = '[[topology.file]]\nname = "conf"\ntext = "{{ root }}/www"\n'
    (command,) = commands_of(tmp_path, BOXED + 'command = ["serve", "{port}"]\n' + file, ServerPlace(8080))
    assert seen_by(command) == [f"{os.getcwd()},ro=true"]


def seen_by(command: ServerCommand) -> list[str]:
    """What the container of a command has of the machine, and where it runs."""
    words = [word for word in command.words if word.startswith(("--mount", "--workdir"))]
    return [word.partition("dst=")[2] or word.removeprefix("--workdir=") for word in words]


def test_each_of_its_replicas_is_a_container_of_its_own(tmp_path: Path) -> None:
    commands = commands_of(
        tmp_path, BOXED + 'command = ["serve", "{port}"]\nreplicas = [2]\n', ServerPlace(8080, own_ports=(8081,))
    )
    names = [command.container.name for command in commands if command.container]
    assert len({*names}) == 2
    assert [command.removal[-1] for command in commands] == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'command = ["{python}", "{port}"]',
            "topology[0]: expected a program of the image, not {python}, which is one of this machine",
        ),
        (
            'unix_socket = "a.sock"',
            "topology[0]: expected {unix_socket}, not a fixed unix_socket, which would be inside the container",
        ),
        (
            '[[topology.process]]\ncommand = ["serve", "{port}"]',
            "topology[0]: expected image with one command at most, not with [[topology.process]]",
        ),
        (
            'command = ["serve"]',
            "topology[0]: expected {port} in command or env, or a fixed port = N; for a Unix socket {unix_socket}, or"
            " a fixed unix_socket = PATH",
        ),
    ],
)
def test_what_no_container_can_do_is_told(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, BOXED + text) == [said]


def test_a_machine_without_podman_or_without_the_image_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (topology,) = loaded(tmp_path, BOXED + 'command = ["serve", "{port}"]\n').topologies
    podman = tmp_path / "podman"
    podman.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    podman.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert explain_missing_programs(topology) == "podman has no image shop:1; podman pull or podman build brings it"
    podman.write_text("#!/bin/sh\necho no such store >&2\nexit 125\n", encoding="utf-8")
    assert explain_missing_programs(topology) == "podman can't be asked for the image shop:1: no such store"
    archived = topology.model_copy(update={"image": f"oci-archive:{tmp_path}/shop.tar"})
    tagged = topology.model_copy(update={"image": f"oci-archive:{tmp_path}/docker:localhost/shop:1"})
    (tmp_path / "docker").touch()
    assert explain_missing_programs(tagged) is None
    assert explain_missing_programs(archived) == f"there is no {tmp_path}/shop.tar to take an image from"
    podman.rename(tmp_path / "docker")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert explain_missing_programs(topology) == (
        "podman not found on PATH; docker would start it where it can't be watched: install podman, which runs the same"
        " images"
    )


def test_an_option_is_no_image(tmp_path: Path) -> None:
    text = BOXED.replace("shop:1", "--privileged") + 'command = ["serve", "{port}"]\n'
    said = "topology[0].image: expected the name of an image, got '--privileged'"
    assert refusal(tmp_path, text) == [said]


def test_a_secret_in_the_name_of_an_image_is_not_written(tmp_path: Path) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    scenario = loaded(tmp_path, BOXED.replace("shop:1", f"shop:{secret}") + 'command = ["serve", "{port}"]\n')
    assert secret not in as_written(scenario, redactor_of(scenario)).model_dump_json()


def test_commits_that_would_run_one_image_are_refused(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, BOXED + 'command = ["serve", "{port}"]\n')
    with (
        pytest.raises(ScenarioError, match="topology a: image shop:1 would be the same for both commits"),
        prepare_side_by_side(scenario, ROOT, (None, None), 1),  # type: ignore[arg-type]  # refused before they are used
    ):
        pass
