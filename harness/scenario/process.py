"""Topologies of several commands: a front before its workers, several processes, and the files that configure
them."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from jinja2 import TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment
from pydantic import Field, PlainValidator, model_validator

from harness.scenario.table import MAX_WORKERS, Name, TomlTable
from harness.text import read_utf8
from harness.text.problems import format_value

ProcessRole = Literal["worker", "front", "helper"]
Balance = Literal["round-robin", "random", "least-connections"]

MAX_INSTANCES: Final = MAX_WORKERS
MAX_FILE_BYTES: Final = 2**16
# What a template may name, beside the axes of a grid.
IN_TEMPLATES: Final = ("port", "host", "folder", "root", "workers", "replicas", "instances", "files")
TEMPLATES: Final = SandboxedEnvironment(keep_trailing_newline=True)


def _check_instances(value: object) -> int | str:
    is_number = type(value) is int and 1 <= value <= MAX_INSTANCES
    if not is_number and not (isinstance(value, str) and re.fullmatch(r"\{[a-z][a-z0-9_]*\}", value)):
        raise ValueError(f"expected a number from 1 to {MAX_INSTANCES} or '{{workers}}', got {format_value(value)}")
    return value  # type: ignore[return-value]  # as just checked


Instances = Annotated[Any, PlainValidator(_check_instances, json_schema_input_type=int | str)]


class TopologyProcess(TomlTable):
    """The table ``[[topology.process]]``: a command of which ``instances`` are started, or as many as an axis says.

    A *front* listens at the topology's own {port}; workers behind one each have a {port} of their own, and without one
    they share the topology's (SO_REUSEPORT). {instance} numbers them from 1. A *helper* takes no requests.
    """

    role: ProcessRole = "worker"
    instances: Instances = 1
    command: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]

    def with_words(self, command: tuple[str, ...], values: Mapping[str, object]) -> Self:
        """Return the same process with other words, and as many instances as ``values`` say. Raises ValueError where
        that is no number of them."""
        number = self.instances
        if isinstance(number, str):
            number = values.get(number.strip("{}"))
            if type(number) is not int or not 1 <= number <= MAX_INSTANCES:
                raise ValueError(f"expected instances from 1 to {MAX_INSTANCES}, got {self.instances}")
        return self.model_copy(update={"command": command, "instances": number})


class TopologyFile(TomlTable):
    """The table ``[[topology.file]]``: a file that is written for each trial, from a Jinja ``template`` (a path,
    relative to the scenario) or from ``text``, and whose path is {file.NAME}.

    In a template, ``port``, ``host``, ``folder``, ``root``, ``workers`` and the like are those of the trial;
    ``instances`` are the workers, each with ``number``, ``host`` and ``port``; ``files`` has the paths of all files by
    their names.
    """

    name: Name
    template: str | None = Field(default=None, min_length=1)
    text: str | None = None

    @model_validator(mode="after")
    def _check_one_source(self) -> Self:
        if (self.template is None) == (self.text is None):
            raise ValueError("expected either template = 'FILE' or text")
        return self

    @property
    def variables(self) -> set[str]:
        """The variables that its text names, once that is read."""
        return meta.find_undeclared_variables(TEMPLATES.parse(self.text or ""))

    def read(self, folder: Path, axes: Collection[str]) -> Self:
        """Return the file with its template's text; ``template`` is relative to ``folder``. Raises ValueError for one
        that can't be read, is no template, or names what a trial does not have."""
        text, where = self.text, f"file {self.name}"
        if self.template is not None:
            where = f"file {self.name}: {self.template}"
            try:
                path = folder / self.template
                if path.stat().st_size > MAX_FILE_BYTES:
                    raise ValueError(f"{where}: expected at most {MAX_FILE_BYTES:,} bytes")
                data = path.read_bytes()
            except OSError as error:
                raise ValueError(f"{where}: {error.strerror}") from error
            try:
                text = read_utf8(data)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
        try:
            parsed = TEMPLATES.parse(text or "")
        except TemplateSyntaxError as error:
            raise ValueError(f"{where}: line {error.lineno}: {error.message}") from error
        if any(meta.find_referenced_templates(parsed)):
            raise ValueError(f"{where}: expected one template, which includes and extends no other")
        named = meta.find_undeclared_variables(parsed)
        if unknown := sorted(named - {*IN_TEMPLATES, *axes}):
            known = ", ".join((*IN_TEMPLATES, *(axis for axis in axes if axis not in IN_TEMPLATES)))
            raise ValueError(f"{where}: expected names of {known}, got {unknown[0]}")
        return self.model_copy(update={"text": text, "template": None})
