"""Hosts made of namespaces, without root: each with a network, processes and clocks of its own, on one bridge.

The clocks of the hosts differ by whole seconds, so that the true offset between any two of them is known.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

HUB: Final = "hub"  # where the leader runs
ADDRESSES: Final = {HUB: "10.9.0.1", "a": "10.9.0.2", "b": "10.9.0.3", "c": "10.9.0.4", "d": "10.9.0.5"}
CLOCKS_S: Final = {HUB: 0, "a": 2002, "b": 3003, "c": 4004, "d": 5005}  # ahead of the hub's
PATIENCE_S: Final = 10.0
HOLDERS: Final = ("nsenter", "unshare", "sleep")
HUB_NAMESPACES: Final = ("--user", "--map-root-user", "--net", "--mount", "--pid", "--mount-proc")
HOST_NAMESPACES: Final = ("--net", "--uts", "--pid", "--time", "--mount")


def why_no_lab() -> str | None:
    """Return why this machine can't have such hosts; None where it can."""
    if missing := [tool for tool in ("unshare", "nsenter", "ip") if shutil.which(tool) is None]:
        return f"{missing[0]} is not installed"
    tried = subprocess.run(["unshare", *HUB_NAMESPACES, "--fork", "true"], capture_output=True, text=True)
    return None if tried.returncode == 0 else f"user namespaces are refused: {tried.stderr.strip()}"


class Lab:
    """The hosts a, b, c and d, and the hub to which they are joined, until the context is left."""

    def __init__(self) -> None:
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        self._pids: dict[str, int] = {}

    def __enter__(self) -> Self:
        try:
            self._hold(HUB, ["unshare", *HUB_NAMESPACES, "--fork", "--kill-child", "sleep", "1000"])
            self._ip("link", "set", "lo", "up")
            self._ip("link", "add", "br0", "type", "bridge")
            self._ip("address", "add", f"{ADDRESSES[HUB]}/24", "dev", "br0")
            self._ip("link", "set", "br0", "up")
            for host in CLOCKS_S:
                if host != HUB:
                    self._add(host)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._holders.values()):
            process.kill()
            process.wait()

    def start(
        self,
        host: str,
        words: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        output: int = subprocess.PIPE,
    ) -> "subprocess.Popen[str]":
        """Start a command on a host, in this folder."""
        return subprocess.Popen(
            [*self._enter(host, folder), *words],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, host: str, words: Sequence[str], folder: Path = Path("/"), limit_s: float = 60.0) -> str:
        """Run a command on a host to its end, and return what it printed."""
        with self.start(host, words, folder) as process:
            try:
                output, _ = process.communicate(timeout=limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return output

    def cut(self, host: str) -> None:
        """Cut the link of a host; that of the hub, where the leader runs, is the bridge."""
        self._ip("link", "set", "br0" if host == HUB else f"v{host}", "down")

    def mend(self, host: str) -> None:
        """Mend the link of a host."""
        self._ip("link", "set", "br0" if host == HUB else f"v{host}", "up")

    def processes(self, host: str | None = None) -> list[psutil.Process]:
        """Return what lives on one host, or on any, beside what holds the namespaces."""
        networks = {_network_of(pid) for name, pid in self._pids.items() if host in (None, name)}
        found = []
        for process in psutil.process_iter():
            try:
                is_here = _network_of(process.pid) in networks and process.name() not in HOLDERS
                if is_here and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return found

    def find(self, host: str, word: str, patience_s: float = PATIENCE_S) -> psutil.Process:
        """Return the first process on a host whose command line has this word; wait until there is one."""
        deadline_s = time.monotonic() + patience_s
        while time.monotonic() < deadline_s:
            for process in self.processes(host):
                try:
                    if any(word in part for part in process.cmdline()):
                        return process
                except psutil.NoSuchProcess:
                    continue
            time.sleep(0.05)
        raise AssertionError(f"no process of {host} has {word} in its command line")

    def _enter(self, host: str, folder: Path = Path("/")) -> list[str]:
        spaces = ["--user", "--net", "--mount", "--pid"] + ([] if host == HUB else ["--uts", "--time"])
        target = str(self._pids[host])
        return ["nsenter", "--target", target, *spaces, "--preserve-credentials", f"--wdns={folder}", "--"]

    def enter_from_hub(self, host: str) -> list[str]:
        """Return the words with which a process of the hub runs a command on a host."""
        spaces = ["--net", "--mount", "--pid", "--uts", "--time"]
        return ["nsenter", "--target", str(self._inner_pid(host)), *spaces, "--"]

    def _hold(self, host: str, words: Sequence[str]) -> None:
        """Start the process that holds the namespaces of a host, and find it: the child of unshare."""
        holder = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        self._holders[host] = holder
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            with contextlib.suppress(psutil.NoSuchProcess):  # its shell runs mount and ip, which end between two looks
                children = psutil.Process(holder.pid).children(recursive=True)
                if found := [child.pid for child in children if child.name() == "sleep"]:
                    self._pids[host] = found[0]
                    return
            time.sleep(0.01)
        raise AssertionError(f"{host} did not come up: {holder.poll()}")

    def _add(self, host: str) -> None:
        ahead = str(CLOCKS_S[host])
        clocks = ["--monotonic", ahead, "--boottime", ahead]
        up = "mount -t proc proc /proc && ip link set lo up && exec sleep 1000"
        unshare = ["unshare", *HOST_NAMESPACES, "--fork", "--kill-child", *clocks]
        self._hold(host, [*self._enter(HUB), *unshare, "sh", "-c", up])
        self._ip("link", "add", f"v{host}", "type", "veth", "peer", "name", "eth0", "netns", str(self._inner_pid(host)))
        self._ip("link", "set", f"v{host}", "master", "br0", "up")
        for words in (["address", "add", f"{ADDRESSES[host]}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            self.check([*self._enter(host), "ip", *words])

    def _inner_pid(self, host: str) -> int:
        """Return the id that the process which holds a host has within the hub."""
        status = Path(f"/proc/{self._pids[host]}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("NSpid:"))
        return int(line.split()[-2])

    def _ip(self, *words: str) -> None:
        self.check([*self._enter(HUB), "ip", *words])

    @staticmethod
    def check(words: Sequence[str]) -> None:
        """Run a command, which must succeed."""
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def _network_of(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def end(process: psutil.Process) -> None:
    """Kill a process, if it is there."""
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return


def harness(*words: str) -> list[str]:
    """Return the command line of the harness."""
    return [sys.executable, "-m", "harness", *words]
