"""Agents that OpenSSH starts, on addresses of this machine: a real server, real keys, and a real client."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import pytest

from harness.record import read_run
from harness.server.launch import find_free_port
from tests.fleet.conftest import SERVER
from tests.fleet.lab import harness

pytestmark = [pytest.mark.fleet, pytest.mark.compares]

HOSTS: Final = {"a": "127.0.0.2", "b": "127.0.0.3"}
GONE_S: Final = 10.0


@dataclass(frozen=True)
class Machines:
    """Two machines that sshd lets this user into, both of which are this one, and a folder with what a run needs."""

    folder: Path
    port: int

    def start(self) -> "subprocess.Popen[str]":
        """Start a comparison whose agents are started by ssh."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.Popen(
            harness("compare", "scenario.toml", "--fleet", "fleet.toml"),
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def agents(self) -> list[int]:
        """The ids of the agents that run here."""
        found = []
        for process in psutil.process_iter():
            try:
                if "harness.fleet" in process.cmdline() and str(self.folder) in process.cmdline():
                    found.append(process.pid)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return found


def make_key(file: Path) -> str:
    """Make a key without a password, and return its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file.with_suffix(".pub").read_text(encoding="utf-8")


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    assert sshd is not None, "apt install openssh-server"
    if not os.getuid():
        Path("/run/sshd").mkdir(exist_ok=True)  # which its service would have made
    port, folder = find_free_port(), tmp_path
    (folder / "authorized_keys").write_text(make_key(folder / "own"), encoding="utf-8")
    known = make_key(folder / "of_host")
    (folder / "known_hosts").write_text(
        "".join(f"[{address}]:{port} {known}" for address in HOSTS.values()), encoding="utf-8"
    )
    listening = "".join(f"ListenAddress {address}:{port}\n" for address in HOSTS.values())
    (folder / "sshd_config").write_text(
        f"{listening}HostKey {folder}/of_host\nAuthorizedKeysFile {folder}/authorized_keys\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n",
        encoding="utf-8",
    )
    # What a user has in ~/.ssh/config.
    (folder / "config").write_text(
        f"Port {port}\nIdentityFile {folder}/own\nIdentitiesOnly yes\nUserKnownHostsFile {folder}/known_hosts\n"
        "GlobalKnownHostsFile none\n",
        encoding="utf-8",
    )
    (folder / "bin").mkdir()
    (folder / "bin" / "ssh").write_text(
        f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n', encoding="utf-8"
    )
    (folder / "bin" / "ssh").chmod(0o755)
    write_files(folder)
    with subprocess.Popen([sshd, "-D", "-e", "-f", f"{folder}/sshd_config"], stderr=subprocess.PIPE) as daemon:
        try:
            wait_until_it_listens(port)
            yield Machines(folder, port)
        finally:
            daemon.terminate()


def write_files(folder: Path) -> None:
    hosts = "".join(
        f'[[host]]\nname = "{name}"\naddress = "{address}"\nssh = "{getpass.getuser()}@{address}"\n'
        f'python = "{sys.executable}"\nroot = "{folder}"\nprocesses = 1\n'
        for name, address in HOSTS.items()
    )
    (folder / "fleet.toml").write_text(
        f'[leader]\naddress = "127.0.0.1"\n{hosts}[[rig]]\nserver = "a"\ngenerators = ["b"]\n', encoding="utf-8"
    )
    command = f'["{{harness_python}}", "{SERVER}", "{{host}}", "{{port}}"]'
    topologies = "".join(f'[[topology]]\nname = "{name}"\ncommand = {command}\n' for name in ("one", "two"))
    (folder / "scenario.toml").write_text(
        f'name = "far"\nrounds = 1\n[load]\nconnections = 4\nwarmup = "200ms"\nduration = "500ms"\n{topologies}',
        encoding="utf-8",
    )


def wait_until_it_listens(port: int) -> None:
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        try:
            for address in HOSTS.values():
                socket.create_connection((address, port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("sshd does not listen")


def wait_until_gone(machines: Machines) -> list[int]:
    """The agents that are still there after a while."""
    deadline_s = time.monotonic() + GONE_S
    while (left := machines.agents()) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    return left


def test_agents_are_started_and_end_with_the_run(machines: Machines) -> None:
    with machines.start() as process:
        output, _ = process.communicate(timeout=120)
    run = read_run(machines.folder / "results" / "latest")
    assert [record.status for record in run.records] == ["ok"] * 2, output
    assert [(rig.server, rig.generators) for rig in run.info.rigs] == [("a", ["b"])]
    assert wait_until_gone(machines) == []


def test_agents_end_where_the_leader_is_killed(machines: Machines) -> None:
    scenario = machines.folder / "scenario.toml"
    scenario.write_text(scenario.read_text(encoding="utf-8").replace("500ms", "60s"), encoding="utf-8")
    with machines.start() as process:
        deadline_s = time.monotonic() + 60
        while len(machines.agents()) < 2 and time.monotonic() < deadline_s:
            time.sleep(0.1)
        time.sleep(3.0)  # they have joined, and the first server is up
        assert len(machines.agents()) == 2
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert wait_until_gone(machines) == []


def test_a_machine_whose_key_is_not_known_is_refused_by_name(machines: Machines) -> None:
    (machines.folder / "known_hosts").write_text("", encoding="utf-8")
    with machines.start() as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    user = getpass.getuser()
    assert f"a: ssh {user}@127.0.0.2 ended with exit code 255: Host key verification failed." in " ".join(
        output.split()
    )
    assert wait_until_gone(machines) == []
