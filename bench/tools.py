"""The load generators: how each is called, which reader understands it and how its version is asked.

The commands are what a user of the tool would type, with one thread where it has several, since all get one core.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bench.readings import (
    Reading,
    read_ab,
    read_autocannon,
    read_h2load,
    read_harness,
    read_hey,
    read_scripted,
    read_wrk,
)
from harness.machine.environment import describe_environment

WRK: Final = "wrk"  # the tool that the others are divided by


@dataclass(frozen=True)
class Load:
    """What a tool is asked to do: keep ``connections`` busy with requests for ``url``."""

    url: str
    connections: int
    duration_s: int


@dataclass(frozen=True)
class Tool:
    """A load generator.

    ``command`` is a command line for the project's folder, with a Load's fields in braces, and ``python`` for this one.
    """

    name: str
    command: str
    read: Callable[[str], Reading]
    version: Callable[[], str]
    latency: str  # what its p50 and p99 are, for the reader of the report
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def installed(self) -> bool:
        """Whether its program is on the PATH."""
        return shutil.which(self.words(Load("", 1, 1))[0]) is not None

    def words(self, load: Load) -> list[str]:
        """The command line for one run."""
        values = {"python": sys.executable, **vars(load)}
        return [word.format(**values) for word in shlex.split(self.command)]


def asked(command: str, pattern: str) -> Callable[[], str]:
    """A version as a command prints it, whatever its exit code: wrk prints its own and fails."""

    def ask() -> str:
        try:
            done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            return "unknown"
        match = re.search(pattern, done.stdout + done.stderr)
        return match[1] if match else "unknown"

    return ask


def own_version() -> str:
    """The package's version, the commit, and whether the tree was as committed."""
    environment = describe_environment()
    commit = (environment.git_commit or "no commit")[:7]
    return f"{environment.harness} ({commit}{', changed' if environment.git_dirty else ''})"


TOOLS: Final = (
    Tool(
        name="harness",
        command="{python} -m harness load {url} -t 1 -c {connections} -d {duration_s}s --json",
        read=read_harness,
        version=own_version,
        latency="from when a request was due to the end of its answer, opening a connection included",
    ),
    Tool(
        name=WRK,
        command="wrk -t1 -c{connections} -d{duration_s}s --latency {url}",
        read=read_wrk,
        version=asked("wrk -v", r"wrk (?:debian/)?(\S+)"),
        latency="from the sending of a request to the end of its answer; wrk 4 then adds shorter ones of its own making"
        " for every request over twice the mean, against coordinated omission",
    ),
    Tool(
        name="h2load",
        command="h2load --h1 -t1 -c{connections} -D{duration_s} {url}",
        read=read_h2load,
        version=asked("h2load --version", r"nghttp2/(\S+)"),
        latency="not reported",
    ),
    Tool(
        name="ab",
        command="ab -q -k -c {connections} -t {duration_s} -n 100000000 {url}",  # -t alone would end at 50,000 requests
        read=read_ab,
        version=asked("ab -V", r"Version (\S+)"),
        latency="of the whole request, opening a connection included; in whole milliseconds",
    ),
    Tool(
        name="hey",
        command="hey -cpus 1 -c {connections} -z {duration_s}s {url}",
        read=read_hey,
        version=asked("dpkg-query -W -f ${Version} hey", r"(\S+)"),  # it has no option that tells
        latency="of the whole request, opening a connection included; in tenths of a millisecond",
    ),
    Tool(
        name="k6",
        command="k6 run --quiet --no-color --vus {connections} --duration {duration_s}s -e URL={url} bench/k6.js",
        read=read_scripted,
        version=asked("k6 version", r"k6\S* v?(\d\S*)"),
        latency="of sending, waiting and receiving; opening a connection is not in it",
        # The form of summary that every k6 has; from version 2 on another one is the default.
        environment={"K6_NEW_MACHINE_READABLE_SUMMARY": "false", "K6_NO_USAGE_REPORT": "true"},
    ),
    Tool(
        name="autocannon",
        command="autocannon -c {connections} -d {duration_s} --json {url}",
        read=read_autocannon,
        version=asked("autocannon --version", r"autocannon v(\S+)"),
        latency="from the sending of a request to the end of its answer; in whole milliseconds",
    ),
    Tool(
        name="locust",
        command="locust -f bench/locustfile.py --headless --skip-log --exit-code-on-error 0"
        " -u {connections} -r {connections} -t {duration_s}s -H {url}",
        read=read_scripted,
        version=asked("locust --version", r"locust (\S+)"),
        latency="of the whole call in a user's greenlet, waiting for its turn included; in whole milliseconds up to"
        " 100, in two figures above",
    ),
)
