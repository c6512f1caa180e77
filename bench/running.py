"""One run of one tool on a core of its own, and what it cost."""

import os
import resource
import subprocess
from dataclasses import dataclass
from typing import Final

from bench.readings import Reading
from bench.tools import Load, Tool

GENERATOR_CORE: Final = "1"
PATIENCE_S: Final = 60  # beyond the asked duration: for starting, ending and slow summaries
REASON_LETTERS: Final = 160


@dataclass(frozen=True)
class Sample:
    """A run that went well. ``cpu_s`` is user and system time: of the whole process tree, or of the measured window
    where the tool told it.
    """

    reading: Reading
    cpu_s: float

    @property
    def cpu_us_per_request(self) -> float:
        """CPU of the tool for one request."""
        return self.cpu_s * 1e6 / self.reading.requests


@dataclass(frozen=True)
class Failure:
    """A run that did not, and why, in one line."""

    reason: str


Run = Sample | Failure


def run(tool: Tool, load: Load) -> Run:
    """Run a tool once, pinned. Whatever goes wrong with it is a Failure, so that the others can go on."""
    command = ["taskset", "-c", GENERATOR_CORE, *tool.words(load)]
    began_s = _children_cpu_s()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=load.duration_s + PATIENCE_S,
            env=os.environ | tool.environment,
        )
    except subprocess.TimeoutExpired:
        return Failure(f"it had not ended {PATIENCE_S} s after its time")
    cpu_s = _children_cpu_s() - began_s
    if done.returncode != 0:
        return Failure(f"exit code {done.returncode}: {_last_line(done.stderr) or _last_line(done.stdout)}")
    return judge(tool, done.stdout, cpu_s)


def judge(tool: Tool, output: str, cpu_s: float) -> Run:
    """A Sample of what a tool printed; ``cpu_s`` is that of its processes."""
    try:
        reading = tool.read(output)
    except (ValueError, KeyError, TypeError) as error:
        return Failure(_short(f"its output could not be read: {error!r}"))
    if reading.requests == 0:
        return Failure(f"no request was answered, {reading.errors:,} went wrong")
    return Sample(reading, cpu_s if reading.cpu_s is None else reading.cpu_s)


def _children_cpu_s() -> float:
    """Of all processes that were waited for, by us or by one of them: after a tool's end, of its whole tree.

    The servers are not among them, since they are waited for only after the last run.
    """
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _last_line(text: str) -> str:
    return _short(text.strip().rpartition("\n")[2])


def _short(text: str) -> str:
    """On one line, and safe between the backticks of Markdown."""
    line = " ".join(text.split()).replace("`", "'")
    return line if len(line) <= REASON_LETTERS else line[: REASON_LETTERS - 1] + "…"
