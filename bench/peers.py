"""What one request costs the load generator, beside its peers: the server on one core, the generator on the other.

nginx, which is faster than any generator, shows the generator's price; a server that sleeps shows whether the tools
agree on a server's requests/s. CPU is user and system time: of the whole process for
the peers, whose start is a matter of milliseconds, and of the measured window for ours, whose start imports Python
packages. Run as ``python -m bench.peers``.
"""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import track
from rich.table import Table

HOST: Final = "127.0.0.1"
SERVER_CORE: Final = "0"
GENERATOR_CORE: Final = "1"
CONNECTIONS: Final = 40
DURATION_S: Final = 3
ROUNDS: Final = 5
BODIES_BYTES: Final = (12, 77_000)

NGINX_CONF: Final = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type text/plain; keepalive_requests 1000000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen {host}:{port}; root {folder}; }}
}}
"""


@dataclass(frozen=True)
class Sample:
    """One run of one tool. ``p50_ms`` and ``p99_ms`` are not here: the tools do not agree on what they mean."""

    requests: float
    rate_per_s: float
    cpu_s: float

    @property
    def cpu_us_per_request(self) -> float:
        """CPU of the tool for one request."""
        return self.cpu_s * 1e6 / self.requests


@dataclass(frozen=True)
class Tool:
    """A load generator: how it is called for one run, and what its output says (requests, requests/s)."""

    name: str
    command: Callable[[str], list[str]]
    read: Callable[[str], tuple[float, float]]


def _number(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"nothing like {pattern!r} in the output:\n{text}")
    return float(match[1])


PEERS: Final = (
    Tool(
        "wrk",
        lambda url: ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{DURATION_S}s", url],
        lambda text: (_number(r"(\d+) requests in", text), _number(r"Requests/sec:\s+([\d.]+)", text)),
    ),
    Tool(
        "h2load",
        lambda url: ["h2load", "--h1", "-t1", f"-c{CONNECTIONS}", f"-D{DURATION_S}", url],
        lambda text: (_number(r"(\d+) succeeded", text), _number(r"([\d.]+) req/s", text)),
    ),
    Tool(
        "hey",
        lambda url: ["hey", "-cpus", "1", "-c", str(CONNECTIONS), "-z", f"{DURATION_S}s", url],
        lambda text: (_number(r"\[200\]\s+(\d+) responses", text), _number(r"Requests/sec:\s+([\d.]+)", text)),
    ),
    Tool(
        "ab",
        lambda url: ["ab", "-q", "-k", "-c", str(CONNECTIONS), "-t", str(DURATION_S), "-n", "100000000", url],
        lambda text: (_number(r"Complete requests:\s+(\d+)", text), _number(r"Requests per second:\s+([\d.]+)", text)),
    ),
)


def measure_peer(tool: Tool, url: str) -> Sample:
    """Run a peer once, pinned."""
    process = subprocess.Popen(
        ["taskset", "-c", GENERATOR_CORE, *tool.command(url)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        text = stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    requests, rate_per_s = tool.read(text)
    return Sample(requests, rate_per_s, usage.ru_utime + usage.ru_stime)


def measure_ours(url: str) -> Sample:
    """Run ``harness load`` once, pinned."""
    options = ["-t", "1", "-c", str(CONNECTIONS), "-d", f"{DURATION_S}s", "--json"]
    command = ["taskset", "-c", GENERATOR_CORE, sys.executable, "-m", "harness", "load", url, *options]
    result = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return Sample(result["requests"], result["requests_per_s"], result["generator_cpu_s"])


@contextmanager
def nginx(port: int) -> Iterator[None]:
    """One nginx process on a core of its own, serving a file for each body."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "nginx.conf").write_text(NGINX_CONF.format(folder=folder, host=HOST, port=port))
        for size_bytes in BODIES_BYTES:
            (folder / f"{size_bytes}.txt").write_bytes(b"x" * size_bytes)
        with pinned(["nginx", "-p", name, "-c", str(folder / "nginx.conf")], port):
            yield


@contextmanager
def pinned(command: list[str], port: int) -> Iterator[None]:
    """A server on a core of its own, from when it listens."""
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as sock:
            if sock.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


def run(console: Console) -> dict[str, dict[str, list[Sample]]]:
    """Samples by target and tool: five rounds, in each of which every tool runs once against every target.

    Each round begins with another tool: which one goes first has been seen to matter more than which one it is.
    """
    tools = [tool for tool in PEERS if shutil.which(tool.name)]
    for tool in PEERS:
        if tool not in tools:
            console.print(f"{tool.name} is not installed and is left out")
    nginx_port, sleeper_port = _free_port(), _free_port()
    targets = {f"nginx, {size:,} B": f"http://{HOST}:{nginx_port}/{size}.txt" for size in BODIES_BYTES}
    targets["sleeping server, 12 B"] = f"http://{HOST}:{sleeper_port}/"
    measure = {"harness": measure_ours} | {tool.name: partial(measure_peer, tool) for tool in tools}
    measured: dict[str, dict[str, list[Sample]]] = {target: {name: [] for name in measure} for target in targets}
    sleeper = [sys.executable, "-m", "bench.sleeper", str(sleeper_port)]
    with nginx(nginx_port), pinned(sleeper, sleeper_port):
        order = deque(measure)
        for _ in track(range(ROUNDS), description="rounds", console=console, disable=not console.is_terminal):
            for target, url in targets.items():
                for name in order:
                    measured[target][name].append(measure[name](url))
            order.rotate()
    return measured


def table(samples: dict[str, list[Sample]]) -> Table:
    """Medians of one target, and their ratios to wrk's when it was there."""
    shown = Table(box=MARKDOWN)
    for column in ("tool", "CPU µs/request", "÷ wrk", "requests/s", "÷ wrk"):
        shown.add_column(column, justify="left" if column == "tool" else "right")
    wrk = samples.get("wrk")
    for name, runs in samples.items():
        cpu_us, rate_per_s = _medians(runs)
        ratios = (cpu_us / _medians(wrk)[0], rate_per_s / _medians(wrk)[1]) if wrk else None
        cpu_ratio, rate_ratio = (f"{ratio:.2f}" for ratio in ratios) if ratios else ("–", "–")
        shown.add_row(name, f"{cpu_us:.2f}", cpu_ratio, f"{rate_per_s:,.0f}", rate_ratio)
    return shown


def _medians(runs: list[Sample]) -> tuple[float, float]:
    return (
        statistics.median(sample.cpu_us_per_request for sample in runs),
        statistics.median(sample.rate_per_s for sample in runs),
    )


def main() -> None:
    """Measure and print a table for each target."""
    console = Console()
    if shutil.which("nginx") is None or len(os.sched_getaffinity(0)) < 2:
        sys.exit("the bench needs nginx and two cores (Debian: apt-get install nginx wrk)")
    for target, samples in run(console).items():
        console.print(
            f"\n{target} body, {CONNECTIONS} connections, medians of {ROUNDS} alternating runs of {DURATION_S} s"
        )
        console.print(table(samples))


if __name__ == "__main__":
    main()
