"""``python -m bench.dealing``: what it costs the load generator to deal its connections to replicas.

One nginx with two ports is loaded in turn at one of them, and at both as though these were replicas; about a minute.
"""

import statistics
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from bench.checking import Checks, Row, run_checks
from harness.generator.process import Generator
from harness.load.spec import Load, Target
from harness.server.launch import find_free_ports
from harness.server.supervised import CommandLine, SupervisedProcess

PAIRS: Final = 15
DURATION_S: Final = 1.5
CONNECTIONS: Final = 40
MAX_COST: Final = 0.02  # of the CPU time for each request
CONFIGURATION: Final = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{ports[0]}; listen 127.0.0.1:{ports[1]}; location / {{ return 200 "ok"; }} }}
}}
"""


def compare_costs() -> Iterator[Row]:
    """Load both in turn, and compare the CPU time of the generator for each request."""
    first, second = find_free_ports("127.0.0.1", 2)
    one, both = (
        Target(host="127.0.0.1", port=first, replica_ports=others, balance="least-connections")
        for others in ((), (second,))
    )
    with TemporaryDirectory() as folder:
        file, log = Path(folder, "nginx.conf"), Path(folder, "log")
        file.write_text(CONFIGURATION.format(folder=folder, ports=(first, second)))
        words = ["nginx", "-e", "stderr", "-p", folder, "-c", str(file)]
        with SupervisedProcess([CommandLine(words, {"PATH": "/usr/sbin:/usr/bin:/bin"})], folder, log):
            _load(one)  # until it listens, and is warm
            ratios = [_load(both) / _load(one) for _ in range(PAIRS)]
    ratio = statistics.median(ratios)
    half = 1.25 * statistics.stdev(ratios) / PAIRS**0.5 * 2  # of the median's 95 % interval, for normal figures
    found = f"{ratio - 1:+.1%} ± {half:.1%}, the median of {PAIRS} pairs"
    yield Row("CPU of the generator for each request, dealt to two replicas", found, "< 2 %", ratio - 1 < MAX_COST)


def _load(target: Target) -> float:
    """Return the CPU time for each request (seconds)."""
    load = Load(target=target, connections=CONNECTIONS, warmup_s=0.3, duration_s=DURATION_S)
    with Generator.here() as generator:
        generator.begin(load)
        result = generator.result()
    return result.generator_cpu_s / max(1, result.requests)


CHECKS: Final[Checks] = {"dealing": compare_costs}


def main(out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/dealing.md")) -> None:
    """Measure what dealing costs; the exit code is 1 where that is more than 2 %."""
    run_checks(CHECKS, None, out)


if __name__ == "__main__":
    typer.run(main)
