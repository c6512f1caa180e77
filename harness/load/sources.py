"""Reading from files what is sent: requests from TOML, bodies as they are, data from CSV."""

import csv
import io
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from harness.load.spec import DataTable, HeaderName, HeaderValue, Method, Request, RequestPath, Weight
from harness.text import read_utf8
from harness.text.problems import describe_expected, key_of


class RequestTable(BaseModel):
    """A ``[[request]]`` table as it is in the file: a Request whose body is in the table or in a file of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: RequestPath = "/"
    method: Method = "GET"
    headers: dict[HeaderName, HeaderValue] = {}
    body: str | None = None
    body_file: str | None = None
    weight: Weight = 1

    @field_validator("body_file")
    @classmethod
    def _check_one_body(cls, body_file: str | None, others: ValidationInfo) -> str | None:
        # A validator of the field, not of the model, so that it is reported together with other errors of the table.
        if body_file is not None and others.data.get("body") is not None:
            raise ValueError("expected body or body_file, not both")
        return body_file

    def resolve(self, folder: Path) -> Request:
        """Return the Request, with the content of ``body_file``, which is relative to ``folder``. Raises ValueError."""
        body = read_body(folder / self.body_file) if self.body_file is not None else (self.body or "").encode()
        rest = self.model_dump(exclude={"body", "body_file"})
        return Request(**rest, body=body)


class _RequestFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    request: tuple[RequestTable, ...]

    @field_validator("request", mode="before")
    @classmethod
    def _check_not_empty(cls, tables: object) -> object:
        # Mode "before": afterwards, invalid tables do not count as items, and would be reported as missing too.
        if tables == []:
            raise ValueError("expected at least one [[request]]")
        return tables


def read_requests(path: Path) -> tuple[Request, ...]:
    """Return the ``[[request]]`` tables of a TOML file. Files that they name are relative to its folder.

    Raises ValueError with all errors at once, one per line, with file and key.
    """
    try:
        tables = _RequestFile.model_validate(tomllib.loads(_read_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        raise ValueError("\n".join(f"{path}: {_describe_problem(problem)}" for problem in error.errors())) from error
    if missing := list(_list_missing_bodies(tables, path)):
        raise ValueError("\n".join(missing))
    return tuple(table.resolve(path.parent) for table in tables.request)


def _list_missing_bodies(tables: _RequestFile, path: Path) -> Iterator[str]:
    for number, table in enumerate(tables.request):
        try:
            table.resolve(path.parent)
        except ValueError as error:
            yield f"{path}: request[{number}].body_file: {error}"


def read_body(path: Path) -> bytes:
    """Return the bytes of a file. Raises ValueError, with its name, if it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error


def read_data(path: Path) -> DataTable:
    """Read a CSV file whose first row names the columns. Raises ValueError with file and line."""
    lines = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    rows: list[tuple[str, ...]] = []
    try:
        columns = next(lines, [])
        _check_columns(columns, path)
        for row in lines:
            if len(row) not in (0, len(columns)):  # an empty line is no row
                raise ValueError(f"{path}, line {lines.line_num}: expected {len(columns)} fields, got {len(row)}")
            if row:
                rows.append(tuple(row))
    except csv.Error as error:
        raise ValueError(f"{path}, line {lines.line_num}: not CSV: {error}") from error
    if not rows:
        raise ValueError(f"{path}: expected a row below the names of the columns")
    return DataTable(columns=tuple(columns), rows=tuple(rows))


def _check_columns(columns: list[str], path: Path) -> None:
    if not columns:
        raise ValueError(f"{path}, line 1: expected the names of the columns, got nothing")
    if wrong := [name for name in columns if not (name.isascii() and name.isidentifier())]:
        raise ValueError(f"{path}, line 1: expected names of letters, digits and _, got {wrong[0]!r:.60}")
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise ValueError(f"{path}, line 1: expected different names, got {', '.join(twice)} more than once")


def _read_text(path: Path) -> str:
    try:
        return read_utf8(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _describe_problem(problem: ErrorDetails) -> str:
    """Return a line about one problem, with its key: ``request[1].weight: …``."""
    table = _RequestFile if len(problem["loc"]) == 1 else RequestTable
    return f"{key_of(problem['loc'])}: {describe_expected(problem, dict.fromkeys(table.model_fields, ''))}"
