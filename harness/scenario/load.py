"""The load that every topology is offered: the table ``[load]`` as written, and with the files that it names."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import quote

from pydantic import Field, ValidationInfo, field_validator, model_validator

from harness.load.requests import IN_A_TARGET, check_placeholders, decode_body, fits_header
from harness.load.sources import RequestTable, read_data
from harness.load.spec import (
    Arrivals,
    DataTable,
    Expectation,
    HeaderName,
    HeaderValue,
    Load,
    Method,
    Rate,
    Request,
    RequestPath,
    Sha256,
    Status,
    Target,
    list_kinds,
    parse_expected_body,
    parse_stage,
)
from harness.scenario.placeholders import fill_variables, variables_in
from harness.scenario.problem import Problem, require_none
from harness.scenario.table import DurationS, TomlTable, Words
from harness.text.problems import format_value
from harness.units.ranges import Amount, PositiveAmount

MAX_CONNECTIONS: Final = 100_000
MAX_PROCESSES: Final = 256
CLOSED_CONNECTIONS: Final = 40
OPEN_CONNECTIONS: Final = 500
THREADS: Final = 20

NumberOfConnections = Annotated[int, Field(ge=1, le=MAX_CONNECTIONS)]
Processes = Annotated[int, Field(ge=1, le=MAX_PROCESSES)] | Literal["auto"]


def check_processes(processes: object) -> object:
    """Check a number of processes of the generator. Raises ValueError."""
    # Before pydantic's own validation, which would report one problem for each of the two alternatives.
    if processes != "auto" and (type(processes) is not int or not 1 <= processes <= MAX_PROCESSES):
        raise ValueError(f"expected a number from 1 to {MAX_PROCESSES} or 'auto', got {format_value(processes)}")
    return processes


class ScenarioLoad(TomlTable):
    """The load that every topology is offered: a Load without its target, which each topology has for itself, and
    without what is found out in a run.

    ``ready_path`` is the path that is requested until a server is ready, instead of one of the requests.
    """

    requests: Annotated[tuple[Request, ...], Field(strict=False)]
    data: DataTable | None
    arrivals: Arrivals | None
    connections: NumberOfConnections
    threads: NumberOfConnections
    keepalive: bool
    processes: Processes
    warmup_s: Amount
    duration_s: PositiveAmount
    timeout_s: PositiveAmount
    expect: Expectation
    ready_path: RequestPath | None = None

    def at(self, target: Target, seed: int, environ: Mapping[str, str] = os.environ) -> Load:
        """Return the load on this target. ``seed`` determines what is random in it, and the caller's ``environ`` fills
        {env:NAME}. Raises ValueError where a variable is missing, or its value can't be sent in its place."""
        fields = {name: getattr(self, name) for name in Load.model_fields if name in type(self).model_fields}
        requests = tuple(_fill_request(request, self.data, environ) for request in self.requests)
        return Load(target=target, seed=seed, **fields | {"requests": requests})

    def as_closed_loop(self) -> Self:
        """Return the same requests in a closed loop, over at most as many connections as a closed loop has by
        default."""
        if self.arrivals is None:
            return self
        connections = min(self.connections, CLOSED_CONNECTIONS)
        return self.model_copy(
            update={"arrivals": None, "connections": connections, "threads": min(self.threads, connections)}
        )

    def as_open_loop(self, rate_per_s: float) -> Self:
        """Return the same requests with Poisson arrivals at this rate, over as many connections as an open loop has by
        default, or more."""
        arrivals = Arrivals(kind="poisson", rate_per_s=rate_per_s)
        return self.model_copy(update={"arrivals": arrivals, "connections": max(self.connections, OPEN_CONNECTIONS)})

    def over(self, connections: int) -> Self:
        """Return the same load over so many connections."""
        return self.model_copy(update={"connections": connections, "threads": min(self.threads, connections)})

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its requests."""
        return list_kinds(self.requests)

    @property
    def is_one_request(self) -> bool:
        """True if every request is the same, byte for byte."""
        return len(self.requests) == 1 and self.data is None

    def with_windows(self, warmup_s: float, duration_s: float) -> Self:
        """Return the same load with another warm-up and measured window."""
        return self.model_copy(update={"warmup_s": warmup_s, "duration_s": duration_s})


class LoadGrid(TomlTable):
    """The table ``[load.grid]`` as written: the numbers of connections over which every topology is loaded, one after
    the other, instead of the one of the load."""

    connections: Annotated[tuple[NumberOfConnections, ...], Field(strict=False)]

    @field_validator("connections")
    @classmethod
    def _check_different(cls, numbers: tuple[int, ...]) -> tuple[int, ...]:
        if not numbers or len(set(numbers)) < len(numbers):
            raise ValueError(f"expected different numbers, such as [1, 8, 64], got {format_value(list(numbers))}")
        return numbers


class LoadTable(TomlTable):
    """The table ``[load]`` as written: a closed loop of connections in groups ("threads") or, with a rate, an open
    loop.

    A single request stands in the table itself, several stand in ``[[load.request]]``.
    """

    path: RequestPath | None = None
    method: Method | None = None
    headers: dict[HeaderName, HeaderValue] | None = None
    body: str | None = None
    body_file: str | None = None
    request: Annotated[tuple[RequestTable, ...], Field(strict=False)] = ()
    data: str | None = None
    rate: Rate | None = None
    arrivals: Literal["constant", "poisson"] = "constant"
    stages: Words = ()
    connections: int | None = Field(default=None, ge=1, le=MAX_CONNECTIONS)
    grid: LoadGrid | None = None
    threads: int | None = Field(default=None, ge=1, le=MAX_CONNECTIONS)
    keepalive: bool = True
    processes: Processes = 1
    warmup_s: DurationS = Field(default=1.0, alias="warmup", ge=0)
    duration_s: DurationS | None = Field(default=None, alias="duration", gt=0)
    timeout_s: DurationS = Field(default=2.0, alias="timeout", gt=0)
    expect_status: Annotated[tuple[Status, ...], Field(strict=False)] = ()
    expect_body: str = "same"
    expect_body_sha256: Sha256 | None = None
    expect_length: int | None = Field(default=None, ge=0)
    ready_path: RequestPath | None = None

    @field_validator("body_file")
    @classmethod
    def _check_one_body(cls, body_file: str | None, others: ValidationInfo) -> str | None:
        if body_file is not None and others.data.get("body") is not None:
            raise ValueError("expected body or body_file, not both")
        return body_file

    @field_validator("expect_body")
    @classmethod
    def _check_expected_body(cls, text: str) -> str:
        parse_expected_body(text)
        return text

    @field_validator("expect_body_sha256")
    @classmethod
    def _check_one_expected_body(cls, digest: str | None, others: ValidationInfo) -> str | None:
        if digest is not None and others.data.get("expect_body", "same") != "same":
            raise ValueError("expected expect_body or expect_body_sha256, not both")
        return digest

    _check_processes = field_validator("processes", mode="before")(check_processes)

    @field_validator("stages")
    @classmethod
    def _check_stages(cls, stages: tuple[str, ...]) -> tuple[str, ...]:
        for stage in stages:
            parse_stage(stage)
        return stages

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        connections, threads = self._connections, self._threads
        least = min(self.grid.connections) if self.grid else connections
        if threads > connections:
            raise ValueError(f"expected threads <= connections, got {threads} > {connections}")
        if isinstance(self.processes, int) and self.processes > least:
            raise ValueError(f"expected processes <= connections, got {self.processes} > {least}")
        if self.grid and self._is_open:
            raise ValueError("expected no rate and no stages, since grid is for a closed loop")
        if self.stages and self.duration_s is not None:
            raise ValueError("expected duration or stages, not both: the stages say how long")
        if self.arrivals != "constant" and not self._is_open:
            raise ValueError("expected a rate or stages, since arrivals is for an open loop")
        if self.request and any(value is not None for value in self._one_request.values()):
            raise ValueError("expected one request in [load] or several in [[load.request]], not both")
        if self._is_open:
            self._arrivals()
        return self

    def resolve(self, folder: Path) -> ScenarioLoad:
        """Return the load with the content of the files that it names, relative to ``folder``. Raises ValueError where
        one can't be read, and ValidationError where a placeholder stands for nothing."""
        arrivals, tables = self._arrivals() if self._is_open else None, self._requests
        load = ScenarioLoad.model_construct(
            requests=tuple(table.resolve(folder) for table in tables),
            data=None if self.data is None else read_data(folder / self.data),
            arrivals=arrivals,
            connections=self._connections,
            threads=self._threads,
            keepalive=self.keepalive,
            processes=self.processes,
            warmup_s=self.warmup_s,
            duration_s=arrivals.stages_s if arrivals and arrivals.stages else self.duration_s or 3.0,
            timeout_s=self.timeout_s,
            expect=self._expectation(),
            ready_path=self.ready_path,
        )
        try:
            variables = {name: "" for request in load.requests for name in variables_in_request(request)}
            check_placeholders(load.at(Target(host="127.0.0.1", port=1), seed=0, environ=variables))
        except ValueError as error:
            require_none((("load",), line) for line in str(error).splitlines())
        return load

    def find_unreadable(self, folder: Path) -> Iterator[Problem]:
        """Yield the files that it names, relative to ``folder``, and that can't be read."""
        for number, table in enumerate(self._requests):
            try:
                table.resolve(folder)
            except ValueError as error:
                yield ("load", "request", number, "body_file") if self.request else ("load", "body_file"), str(error)
        try:
            if self.data is not None:
                read_data(folder / self.data)
        except ValueError as error:
            yield ("load", "data"), str(error)

    @property
    def _requests(self) -> tuple[RequestTable, ...]:
        return self.request or (RequestTable.model_validate(_without_none(self._one_request)),)

    @property
    def _is_open(self) -> bool:
        return self.rate is not None or bool(self.stages)

    @property
    def _connections(self) -> int:
        if self.grid:
            return max(self.grid.connections)
        return self.connections or (OPEN_CONNECTIONS if self._is_open else CLOSED_CONNECTIONS)

    @property
    def _threads(self) -> int:
        if self.threads is not None and not self.grid:  # over each number of a grid there are as many as can be
            return self.threads
        return min(self.threads or THREADS, self._connections)

    @property
    def _one_request(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("path", "method", "headers", "body", "body_file")}

    def _expectation(self) -> Expectation:
        body = {"body_sha256": self.expect_body_sha256} | parse_expected_body(self.expect_body)
        return Expectation.model_validate({"statuses": self.expect_status, "body_bytes": self.expect_length} | body)

    def _arrivals(self) -> Arrivals:
        stages = tuple(map(parse_stage, self.stages))
        return Arrivals(kind=self.arrivals, rate_per_s=self.rate or 0.0, stages=stages)


def variables_in_request(request: Request) -> list[str]:
    """Return the caller's variables that the request names as {env:NAME}. Raises ValueError for an invalid name."""
    texts = (request.path, *request.headers.values(), decode_body(request))
    return [name for text in texts for name in variables_in(text)]


def _fill_request(request: Request, data: DataTable | None, environ: Mapping[str, str]) -> Request:
    """Return the request with every {env:NAME} filled: percent-encoded in its path, and unchanged elsewhere. Raises
    ValueError, without the values, which may be secrets."""
    names = variables_in_request(request)
    if not names:
        return request
    for name in names if data else ():
        if data and any(f"{{{column}}}" in environ.get(name, "") for column in data.columns):
            raise ValueError(f"{name}: expected no column of the data in braces, which a row would fill")
    headers = {name: fill_variables(text, environ) for name, text in request.headers.items()}
    if unfit := [name for name, text in headers.items() if not fits_header(text)]:
        raise ValueError(f"header {unfit[0]}: expected variables that a header can hold: one line of Latin-1")
    path = fill_variables(request.path, {name: quote(text, safe=IN_A_TARGET) for name, text in environ.items()})
    body = fill_variables(decode_body(request), environ).encode("utf-8", "surrogateescape")
    return request.model_copy(update={"path": path, "headers": headers, "body": body, "written": request.name})


def _without_none(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
