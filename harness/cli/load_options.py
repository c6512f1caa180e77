"""The options of ``harness load`` as a Load, or every reason why they are none."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.cli.options import CLOSED_CONNECTIONS, OPEN_CONNECTIONS
from harness.cli.usage import UsageError
from harness.generator.asking import ProbeResponse
from harness.load.cpus import max_processes, parse_cpus
from harness.load.requests import basic_auth_header, check_placeholders
from harness.load.sources import read_body, read_data, read_requests
from harness.load.spec import (
    Arrivals,
    Expectation,
    Load,
    Request,
    Target,
    Tls,
    parse_expected_body,
    parse_stage,
    parse_url,
)
from harness.machine.cores import UsableCores
from harness.server.mix import find_objections
from harness.server.question import Question
from harness.text.problems import describe_expected, key_of

THREADS: Final = 2  # as wrk's
AUTO: Final = "auto"


def parse_target(url: str, unix_socket: Path | None, insecure: bool, cacert: Path | None) -> tuple[Target, str]:
    """Return the target and the path of the URL. Certificates of this machine's own servers are checked against a
    ``cacert`` alone. Raises UsageError."""
    with _words():
        tls = Tls(verify=not insecure, ca_file=None if cacert is None else str(cacert))
        target, path = parse_url(url, None if unix_socket is None else str(unix_socket), tls)
        if target.tls is None and tls != Tls():
            raise ValueError(f"--insecure and --cacert are for https://, got {url!r}")
        if target.tls is not None and target.is_loopback and cacert is None:
            target = target.with_tls(Tls(verify=False))
        return target, path


def one_request(
    path: str, method: str, headers: Sequence[str], body: str | None, body_file: Path | None
) -> tuple[Request, ...]:
    """Return the request that the options describe. Raises UsageError."""
    if body is not None and body_file is not None:
        raise UsageError("--body and --body-file are one or the other")
    with _words():
        content = read_body(body_file) if body_file is not None else (body or "").encode()
        return (Request(method=method, path=path, headers=_headers(headers), body=content),)


def listed_requests(file: Path, alone: Mapping[str, object]) -> tuple[Request, ...]:
    """Return the requests in a file; ``alone`` are the options that describe a single one. Raises UsageError."""
    if given := [option for option, value in alone.items() if value not in (None, False, [])]:
        raise UsageError(f"--requests says all of each request: leave out {', '.join(given)}")
    with _words():
        return read_requests(file)


def with_user(requests: tuple[Request, ...], user: str | None) -> tuple[Request, ...]:
    """Return the requests with basic authentication, but for those that have their own. Raises UsageError."""
    if user is None:
        return requests
    with _words():
        header = {"Authorization": basic_auth_header(user)}
        return tuple(
            request
            if any(name.lower() == "authorization" for name in request.headers)
            else request.with_headers(header | request.headers)
            for request in requests
        )


def arrivals(rate_per_s: float | None, kind: str, stages: Sequence[str]) -> Arrivals | None:
    """Return the open loop, if there is to be one. Raises UsageError."""
    if rate_per_s is None and not stages:
        if kind != "constant":
            raise UsageError("--arrivals is for an open loop: give a --rate or a --stage")
        return None
    with _words():
        parsed = tuple(parse_stage(text) for text in stages)
        return Arrivals.model_validate({"kind": kind, "rate_per_s": rate_per_s or 0.0, "stages": parsed})


def expectation(statuses: str | None, body: str | None, body_sha256: str | None, body_bytes: int | None) -> Expectation:
    """Return what a good response is. Raises UsageError."""
    if body is not None and body_sha256 is not None:
        raise UsageError("--expect-body and --expect-body-sha256 are one or the other")
    listed = [] if statuses is None else statuses.split(",")
    if wrong := [text for text in listed if not re.fullmatch(r"\s*[1-5]\d\d\s*", text, re.ASCII)]:
        raise UsageError(f"--expect-status: expected statuses such as '200,204', got {wrong[0]!r}")
    with _words():
        return Expectation.model_validate(
            {
                "statuses": tuple(map(int, listed)),
                "body_sha256": None if body_sha256 is None else body_sha256.lower(),
                "body_bytes": body_bytes,
            }
            | parse_expected_body(body or "any")
        )


def load(
    target: Target, requests: tuple[Request, ...], data: Path | None, when: Arrivals | None, rest: Mapping[str, Any]
) -> Load:
    """Return everything together; what is None in ``rest`` is as usual. Raises UsageError."""
    given = {name: value for name, value in rest.items() if value is not None}
    connections = given.setdefault("connections", OPEN_CONNECTIONS if when else CLOSED_CONNECTIONS)
    given.setdefault("threads", min(THREADS, connections))
    if when and when.stages:
        if "duration_s" in given:
            raise UsageError("--duration and --stage are one or the other: the stages say how long")
        given["duration_s"] = when.stages_s
    with _words():
        table = None if data is None else read_data(data)
        offered = Load(target=target, requests=requests, data=table, arrivals=when, **given)
        check_placeholders(offered)
        if offered.expect.wants_same_body and (len(requests) > 1 or table is not None):
            raise ValueError("--expect-body same is for one request, which is sent over and over")
        return offered


def with_same_body(offered: Load, before: ProbeResponse | None) -> Load:
    """Return the load that expects the body of this answer, if it is to be the same. Raises UsageError."""
    if not offered.expect.wants_same_body:
        return offered
    if before is None or before.end != "whole" or not offered.expect.accepts_status(before.status):
        came = (
            "none in time" if before is None else f"status {before.status}, {before.body_bytes:,} bytes, {before.end}"
        )
        raise UsageError(f"--expect-body same: expected a good answer before the load, got {came}")
    assert before.body_sha256 is not None, "it is asked for with its digest"
    return offered.with_expectation(offered.expect.with_body(before.body_sha256, every=True))


def first_alone(offered: Load) -> Load:
    """Return the load of a mix as that of its first request alone; any other as it is."""
    mix = Question.of_mix(offered)
    return mix[0].load if mix else offered


def check_mix(offered: Load) -> None:
    """Send each request of a mix once, but for the first, which was sent before. Raises UsageError that names all
    without a good answer."""
    deadline_s = time.monotonic() + offered.timeout_s * len(offered.requests)
    if reasons := find_objections(Question.of_mix(offered)[1:], deadline_s):
        options = "--expect-status, --expect-length and --expect-body"
        raise UsageError(f"before the load, {'; '.join(reasons)}; what is good is said by {options}")


def place_generator(processes: str, cpus: str | None, connections: int) -> tuple[int, tuple[int, ...]]:
    """Return the number of processes, and the cores to pin them to, if any. Raises UsageError."""
    with _words():
        pinned = () if cpus is None else parse_cpus(cpus)
        if processes == AUTO:
            return min(len(pinned) or max_processes(UsableCores.here()), connections), pinned
        if not re.fullmatch(r"[1-9]\d{0,3}", processes, re.ASCII):
            raise ValueError(f"--processes: expected a number or 'auto', got {processes!r}")
        if int(processes) > connections:
            raise ValueError(
                f"expected at least as many connections as processes, got {connections} connections"
                f" and {processes} processes"
            )
        return int(processes), pinned


def _headers(lines: Sequence[str]) -> dict[str, str]:
    pairs = [line.partition(":") for line in lines]
    if wrong := [line for line, (_, colon, _) in zip(lines, pairs, strict=True) if not colon]:
        raise ValueError(f"expected headers as 'Name: value', got {wrong[0]!r}")
    return {name.strip(): value.strip() for name, _, value in pairs}


@contextmanager
def _words() -> Iterator[None]:
    """Raise every way in which a value can be wrong as one UsageError."""
    try:
        yield
    except ValidationError as error:
        raise UsageError("\n".join(map(_problem, error.errors()))) from error
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(str(error)) from error


def _problem(details: ErrorDetails) -> str:
    """Return one thing wrong with a load, with the name of the field unless the fields do not fit together."""
    where = key_of(details["loc"])
    return f"{where}: {describe_expected(details)}" if where else describe_expected(details)
