"""What each load generator prints, read back to numbers.

Output that is not understood ends in a ValueError, a KeyError or a TypeError.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from harness.units import parse_duration_s


@dataclass(frozen=True)
class Reading:
    """What a tool reported of one run; None is what it did not report, and is never filled in by us."""

    requests: int  # answered, whatever the status
    requests_per_s: float
    errors: int  # of whatever kind the tool counts, answers of a bad status among them
    p50_ms: float | None
    p99_ms: float | None
    cpu_s: float | None = None  # in the measured window; None where the tool does not tell


def read_wrk(text: str) -> Reading:
    """wrk tells of errors, and of answers of a bad status, in lines that are there only when there were some."""
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    bad_statuses = _sum(r"Non-2xx or 3xx responses: (\d+)", text)
    return Reading(
        requests=int(_find(r"(\d+) requests in", text)),
        requests_per_s=float(_find(r"Requests/sec:\s+([\d.]+)", text)),
        errors=bad_statuses + sum(map(int, socket_errors.groups() if socket_errors else ())),
        p50_ms=parse_duration_s(_find(r"^\s+50%\s+(\S+)", text)) * 1000,
        p99_ms=parse_duration_s(_find(r"^\s+99%\s+(\S+)", text)) * 1000,
    )


def read_h2load(text: str) -> Reading:
    """h2load's ``failed`` holds bad statuses, ``errored`` and ``timeout``; it prints no percentiles."""
    return Reading(
        requests=int(_find(r"^requests: .* (\d+) done", text)),
        requests_per_s=float(_find(r"([\d.]+) req/s,", text)),
        errors=int(_find(r"^requests: .* (\d+) failed", text)),
        p50_ms=None,
        p99_ms=None,
    )


def read_ab(text: str) -> Reading:
    """ab counts bad statuses apart from the requests that failed."""
    return Reading(
        requests=int(_find(r"Complete requests:\s+(\d+)", text)),
        requests_per_s=float(_find(r"Requests per second:\s+([\d.]+)", text)),
        errors=_sum(r"Failed requests:\s+(\d+)", text) + _sum(r"Non-2xx responses:\s+(\d+)", text),
        p50_ms=float(_find(r"^\s+50%\s+(\d+)", text)),
        p99_ms=float(_find(r"^\s+99%\s+(\d+)", text)),
    )


def read_hey(text: str) -> Reading:
    """hey leaves the percentiles out when nothing was answered."""
    answers, _, failures = text.partition("Error distribution:")
    statuses = re.findall(r"\[(\d+)\]\s+(\d+) responses", answers)
    bad_statuses = sum(int(count) for status, count in statuses if not status.startswith("2"))
    p50_s, p99_s = (re.search(rf"{percent}% in ([\d.]+) secs", answers) for percent in (50, 99))
    return Reading(
        requests=sum(int(count) for _, count in statuses),
        requests_per_s=float(_find(r"Requests/sec:\s+([\d.]+)", answers)),
        errors=bad_statuses + _sum(r"^\s+\[(\d+)\]", failures),
        p50_ms=float(p50_s[1]) * 1000 if p50_s else None,
        p99_ms=float(p99_s[1]) * 1000 if p99_s else None,
    )


def read_autocannon(text: str) -> Reading:
    """autocannon's ``errors`` hold its timeouts."""
    told = json.loads(text)
    return Reading(
        requests=told["requests"]["total"],
        requests_per_s=told["requests"]["average"],
        errors=told["errors"] + told["non2xx"],
        p50_ms=told["latency"]["p50"],
        p99_ms=told["latency"]["p99"],
    )


def read_harness(text: str) -> Reading:
    """Ours; it has no latencies when no request ended."""
    told = json.loads(text)
    latency_ms: dict[str, float] = told["latency_ms"] or {}
    return Reading(
        requests=told["requests"],
        requests_per_s=told["requests_per_s"],
        errors=sum(told["errors"].values()),
        p50_ms=latency_ms.get("p50"),
        p99_ms=latency_ms.get("p99"),
        cpu_s=told["generator_cpu_s"],
    )


def read_scripted(text: str) -> Reading:
    """What our own scripts for Locust and k6 print on the last line: the tool's figures under a Reading's names."""
    told: dict[str, Any] = json.loads(text.strip().rpartition("\n")[2])
    return Reading(**told)


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise ValueError(f"nothing like {pattern}")
    return match[1]


def _sum(pattern: str, text: str) -> int:
    """Of counts that are printed only when there is something to count."""
    return sum(int(count) for count in re.findall(pattern, text, re.MULTILINE))
