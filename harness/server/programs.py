"""The programs that servers and services of a scenario run, with their versions, found out before the first trial."""

import contextlib
import json
import os
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from harness.record import Program
from harness.scenario import Topology
from harness.scenario.service import Service
from harness.server.container import read_image_id
from harness.server.launch import ServerCommand, list_commands
from harness.server.service import command_of
from harness.server.supervised import CommandLine, ServerError, SupervisedProcess

ANSWER_S: Final = 5.0  # the longest wait for a program
ANSWER_BYTES: Final = 4096  # the part of its output that is read
POLL_S: Final = 0.01
WRAPPERS: Final = re.compile(r"env|nice|ionice|taskset|numactl|chrt|stdbuf|setsid|timeout|bundle|sh|bash|dash")
SHELLS: Final = re.compile(r"env|sh|bash|dash|zsh")
PYTHON: Final = re.compile(r"(python|pypy)(\d(\.\d+)?)?")

# Only these programs are run: with an unknown program, no option is certain to do no more than print the version.
VERSION_OPTIONS: Final = {
    re.compile(pattern): tuple(options.split())
    for pattern, options in {
        r"node|nodejs|deno|bun|npm|npx|ruby|bundle|puma|unicorn|perl|dotnet|lua|luajit": "--version",
        r"gunicorn|uvicorn|hypercorn|granian|daphne|uwsgi|uv|poetry": "--version",
        r"php|php\d\.\d|php-fpm(\d\.\d)?|nginx|openresty|apache2|httpd|haproxy|lighttpd": "-v",
        r"redis-server|valkey-server|memcached|postgres|pgbouncer|mysqld|mariadbd|mongod|etcd|minio": "--version",
        r"java": "-version",
        r"caddy|traefik": "version",
        r"podman": "--version",
    }.items()
}
_VERSION: Final = re.compile(r"\d+(?:\.\d+)+[\w.+-]*", re.ASCII)

# Run by a Python: prints the version of a module that it runs, or of the package that has installed a script.
_PYTHON_CODE: Final = """
import json, sys
from importlib import metadata, util
kind, name = sys.argv[1:]
version = file = None
if kind == "script":
    found = [each for each in metadata.distributions() for entry in each.entry_points
             if entry.group == "console_scripts" and entry.name == name]
    version = found[0].version if found else None
elif kind == "module":
    found = util.find_spec(name)
    file = found.origin if found and found.origin and "-packages" in found.origin else None
    if file:  # or it is the service's own
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = metadata.version(metadata.packages_distributions()[name][0])
print(json.dumps({"python": sys.version.split()[0], "version": version, "file": file}))
"""


class _NoAnswerError(Exception):
    """The reason why the version of a program is not known: its message."""


def describe_programs(topologies: Sequence[Topology], services: Sequence[Service] = ()) -> list[Program]:
    """Return every program that these topologies and services run, each once, with its version where it is known."""
    with TemporaryDirectory(prefix="harness-programs-") as folder:
        questions = _Questions(Path(folder))
        found = [program for topology in topologies for program in _programs_of(topology, questions)]
        for command in [command_of(service) for service in services if service.command]:
            found += _describe_words(_strip_wrappers(command), command, questions)
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class _Questions:
    """The commands that ask programs for versions, with their answers; each is run once."""

    folder: Path
    answers: dict[tuple[str, ...], str] = field(default_factory=dict)

    def ask(self, words: tuple[str, ...], command: ServerCommand) -> str:
        """Return the first bytes that the words print, in the environment and the folder of the command."""
        if words not in self.answers:
            self.answers[words] = _run_question(words, command, self.folder / f"{len(self.answers)}.log")
        return self.answers[words]


def _run_question(words: tuple[str, ...], command: ServerCommand, log: Path) -> str:
    """Run the words and return what they print; empty when that takes too long. All that was started is stopped."""
    line = CommandLine(words, command.env)
    with contextlib.suppress(ServerError), SupervisedProcess([line], command.folder, log) as asked:
        deadline_s = time.monotonic() + ANSWER_S
        while asked.returncode() is None and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        return file.read(ANSWER_BYTES).decode(errors="replace")
    return ""


def _programs_of(topology: Topology, questions: _Questions) -> Iterator[Program]:
    commands = list_commands(topology)
    asked = [(_strip_wrappers(command), command) for command in commands]
    asked += [((name,), commands[0]) for name in topology.requires]
    if container := commands[0].container:
        version = read_image_id(container.image, commands[0].env, commands[0].folder)
        unknown = None if version else "version asked, and not told"
        yield Program(name="image", path=container.image, version=version, unknown=unknown)
    for words, command in asked:
        for program in _describe_words(words, command, questions):
            is_inside = topology.side is not None and Path(program.path).is_relative_to(topology.side.root)
            yield program.with_side(topology.side.commit if topology.side and is_inside else None)


def _strip_wrappers(command: ServerCommand) -> Sequence[str]:
    """Return the words from the server's own program on, without wrappers such as ``taskset``, ``env`` or ``sh -c``."""
    words = list(command.words)
    while WRAPPERS.fullmatch(Path(words[0]).name):
        rest = [part for word in words[1:] for part in _split_words(word)]
        starts = [at for at, word in enumerate(rest) if _is_program(word) and command.find(word)]
        if not starts:
            break
        words = rest[starts[0] :]
    return words


def _split_words(word: str) -> list[str]:
    try:
        return shlex.split(word)
    except ValueError:
        return [word]


def _is_program(word: str) -> bool:
    name = Path(word).name
    return os.sep in word or PYTHON.fullmatch(name) is not None or _find_version_options(name) is not None


def _describe_words(words: Sequence[str], command: ServerCommand, questions: _Questions) -> Iterator[Program]:
    """Yield the program, its interpreter, and the module that a Python runs."""
    path = command.find(words[0])
    if path is None:
        return
    name, interpreter = Path(words[0]).name, _read_interpreter(Path(path))
    if PYTHON.fullmatch(name):
        yield from _describe_python(name, path, _find_module(words), command, questions)
    elif interpreter and PYTHON.fullmatch(Path(interpreter[0]).name) and (python := command.find(interpreter[0])):
        yield from _describe_script(name, path, python, command, questions)
    else:
        yield _describe_with_version(name, path, command, questions)
        if interpreter and not SHELLS.fullmatch(Path(interpreter[0]).name):
            yield from _describe_words(interpreter, command, questions)


def _find_module(words: Sequence[str]) -> str:
    """Return the package that ``python -m`` runs; empty for a script, which may have an option ``-m`` of its own."""
    for option, word in pairwise(words[1:]):
        if option == "-m":
            return word.partition(".")[0]
        if option.endswith(".py"):
            break
    return ""


def _describe_python(
    name: str, path: str, module: str, command: ServerCommand, questions: _Questions
) -> Iterator[Program]:
    try:
        versions = _ask_python(path, "module", module, command, questions)
    except _NoAnswerError as error:
        yield _build_program(name, path, unknown=str(error))
        return
    yield _build_program(name, path, versions["python"])
    if versions["version"] and versions["file"]:
        yield _build_program(module, versions["file"].removesuffix("/__init__.py"), versions["version"])


def _describe_script(
    name: str, path: str, python: str, command: ServerCommand, questions: _Questions
) -> Iterator[Program]:
    try:
        versions = _ask_python(python, "script", name, command, questions)
    except _NoAnswerError as error:
        yield _build_program(name, path, unknown=str(error))
        return
    yield _build_program(name, path, versions["version"], None if versions["version"] else "of no installed package")
    yield _build_program(Path(python).name, python, versions["python"])


def _ask_python(
    python: str, kind: str, name: str, command: ServerCommand, questions: _Questions
) -> dict[str, str | None]:
    """Return the version of the Python, and version and file of the module or script. Raises _NoAnswerError."""
    answer = questions.ask((python, "-c", _PYTHON_CODE, kind, name), command)
    try:
        versions: dict[str, str | None] = json.loads(answer.strip().rpartition("\n")[2])
        return {key: versions[key] for key in ("python", "version", "file")}
    except (ValueError, KeyError, TypeError) as error:
        raise _NoAnswerError("version asked, and not told") from error


def _describe_with_version(name: str, path: str, command: ServerCommand, questions: _Questions) -> Program:
    options = _find_version_options(name)
    if options is None:
        return _build_program(name, path, unknown="version not asked")
    match = _VERSION.search(questions.ask((path, *options), command))
    return _build_program(name, path, match[0] if match else None, None if match else "version asked, and not told")


def _find_version_options(name: str) -> tuple[str, ...] | None:
    return next((options for pattern, options in VERSION_OPTIONS.items() if pattern.fullmatch(name)), None)


def _read_interpreter(file: Path) -> list[str]:
    """Return the words after ``#!`` in the first line of a script, without a leading ``env``; none for other files."""
    with contextlib.suppress(OSError), file.open("rb") as script:
        line = script.read(ANSWER_BYTES).partition(b"\n")[0]
        if line.startswith(b"#!"):
            words = line[2:].decode(errors="replace").split()
            return [word for word in words[1:] if word != "-S"] if words and Path(words[0]).name == "env" else words
    return []


def _build_program(name: str, path: str, version: str | None = None, unknown: str | None = None) -> Program:
    real = os.path.realpath(path)
    return Program(name=name, path=path, real_path=None if real == path else real, version=version, unknown=unknown)
