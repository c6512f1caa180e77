"""The redaction of a scenario: which of its values are written down.

The value of a variable in ``env`` or of a header is written only in one of these cases:

- its name is on the list of harmless names below;
- its name does not sound like a secret, and the value is a number, a switch, a level or an address of this machine;
- the scenario names the variable in ``public_env``;
- the value contains {env:NAME}, so that its secret is elsewhere.

Commands, paths, bodies and data are written by default. From all of these, texts that look like secrets are cut out.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, TypeVar

from harness.load.requests import decode_body
from harness.load.spec import DataTable, Expectation, Request
from harness.scenario.file import PublishedRun, Scenario
from harness.scenario.load import ScenarioLoad, variables_in_request
from harness.scenario.placeholders import KNOWN_IN_ENV, check_placeholders, literals_of, variables_in, variables_of
from harness.scenario.service import Hook, Service
from harness.scenario.topology import Topology, placeholders_of
from harness.text.redaction import REDACTED, Redactor, is_harmless, secret_of_word, secrets_in, sounds_secret

WithCommand = Topology | Service | Hook
Commanded = TypeVar("Commanded", Topology, Service, Hook)

# Programs read from these where to listen, how many processes to run, where their code is and how to run it: no keys.
HARMLESS_VARIABLES: Final = re.compile(
    r"""BIND | HOST | HOSTNAME | LISTEN | PORT | SOCKET
    | CONCURRENCY | GOMAXPROCS | PROCESSES | THREADS | WEB_CONCURRENCY | WORKERS
    | PATH | PWD | ROOT | TMPDIR | HOME | USER | LOGNAME | SHELL | LANG | LANGUAGE | LC_[A-Z]+ | TERM | TZ
    | PYTHON(?:PATH|HOME|WARNINGS|IOENCODING|MALLOC) | VIRTUAL_ENV
    | GUNICORN_CMD_ARGS | DJANGO_SETTINGS_MODULE | FLASK_(?:APP|ENV)
    | NODE_(?:ENV|OPTIONS|PATH) | GODEBUG | GOMEMLIMIT | RUST_LOG | RUST_BACKTRACE
    | BUNDLE_GEMFILE | BUNDLE_PATH | GEM_HOME | GEM_PATH | RACK_ENV | RAILS_ENV | RUBYLIB | RUBYOPT
    | JAVA_HOME | JAVA_OPTS | JAVA_TOOL_OPTIONS | JDK_JAVA_OPTIONS | CLASSPATH | SPRING_PROFILES_ACTIVE
    | ASPNETCORE_(?:ENVIRONMENT|URLS) | DOTNET_ENVIRONMENT | PHP_INI_SCAN_DIR
    | APP_ENV | ENV | ENVIRONMENT | LOG_FORMAT | LOG_LEVEL | LD_LIBRARY_PATH | LD_PRELOAD | MALLOC_CONF""",
    re.VERBOSE,
)
HARMLESS_HEADERS: Final = re.compile(
    r"""accept(?:-(?:charset|encoding|language))? | cache-control | connection
    | content-(?:encoding|language|length|type) | date | dnt | expect | host | if-[a-z-]+ | keep-alive | max-forwards
    | origin | pragma | prefer | priority | range | referer | save-data | te | trailer | transfer-encoding | upgrade
    | upgrade-insecure-requests | user-agent | via | x-forwarded-(?:for|host|proto) | x-real-ip | x-request-id
    | x-requested-with | traceparent | tracestate""",
    re.VERBOSE | re.IGNORECASE,
)
ROWS_AT_ONCE: Final = 1000  # rows
_WORDS: Final = re.compile(r"[a-z]+(?:[-_][a-z]+)*", re.IGNORECASE)
_SCHEME: Final = r"(?i:basic|bearer|token)?\s*"


def redactor_of(scenario: Scenario, environ: Mapping[str, str] = os.environ) -> Redactor:
    """Return the redactor that keeps the secrets of a scenario out of all that is written of its run. ``environ`` is
    the caller's environment, which fills {env:NAME}."""
    return Redactor(_secrets(scenario, environ))


def as_written(scenario: Scenario, redactor: Redactor) -> Scenario:
    """Return the scenario as it is written down, without its secrets."""
    return scenario.model_copy(
        update={
            "topologies": tuple(_redact_topology(topology, redactor) for topology in scenario.topologies),
            "load": _redact_load(scenario.load, redactor),
            "services": tuple(_redact_service(service, redactor) for service in scenario.services),
            "hooks": scenario.hooks.model_copy(
                update={name: _redact_command(hook, redactor) for name, hook in scenario.hooks.by_name.items()}
            ),
            "prepare": _redact_words(scenario.prepare, redactor),
            "documented": tuple(_redact_published_run(figures, redactor) for figures in scenario.documented),
        }
    )


def withheld_of(command: WithCommand) -> list[str]:
    """Return the parts of a topology, a service or a hook that were not written down: ``API_TOKEN in env``."""
    found = [f"{name} in env" for name, value in command.env.items() if REDACTED in value]
    found += (
        ["a word of its command"] if any(REDACTED in word for words in _commands(command) for word in words) else []
    )
    files = command.files if isinstance(command, Topology) else ()
    if isinstance(command, Topology) and REDACTED in (command.image or ""):
        found.append("its image")
    return [*found, *(f"file {each.name}" for each in files if REDACTED in (each.text or ""))]


def _commands(command: WithCommand) -> tuple[tuple[str, ...], ...]:
    return command.commands if isinstance(command, Topology) else (command.command,)


def commands_of(scenario: Scenario) -> dict[str, WithCommand]:
    """Return all that the scenario has run, by the name of its place: topologies, services and hooks."""
    services = {f"service {service.name}": service for service in scenario.services}
    hooks = {f"hooks.{name}": hook for name, hook in scenario.hooks.by_name.items()}
    return {**{topology.name: topology for topology in scenario.topologies}, **services, **hooks}


def withheld_of_load(load: ScenarioLoad) -> list[str]:
    """Return the parts of a load that were not written down: ``header Authorization``."""
    found: dict[str, None] = {}
    for request in load.requests:
        found |= {f"header {name}": None for name, value in request.headers.items() if REDACTED in value}
        found |= {"path": None} if REDACTED in request.path else {}
        found |= {"body": None} if REDACTED.encode() in request.body else {}
    if load.data and any(REDACTED in cell for row in load.data.rows for cell in row):
        found["data"] = None
    others = (load.ready_path, load.expect.body_contains, load.expect.body_matches)
    return [*found, *(["what is asked or expected"] if any(REDACTED in text for text in others if text) else [])]


def variables_of_command(command: WithCommand) -> list[str]:
    """Return the names of the caller's variables that {env:NAME} in the command's environment stand for."""
    return variables_of(placeholders_of(command) if isinstance(command, Topology) else command.placeholders)


def variables_of_load(load: ScenarioLoad) -> list[str]:
    """Return the names of the caller's variables that {env:NAME} in the load stand for."""
    return [name for request in load.requests for name in variables_in_request(request)]


def is_public_variable(name: str, value: str, public_env: Sequence[str] = ()) -> bool:
    """Return whether the value of a variable in ``env`` may be written down, except for texts in it that look like
    secrets."""
    if (
        HARMLESS_VARIABLES.fullmatch(name)
        or name in public_env
        or variables_of(check_placeholders([value], KNOWN_IN_ENV))
    ):
        return True
    return not sounds_secret(name) and is_harmless("".join(literals_of(value)))


def is_public_header(name: str, value: str, columns: Sequence[str] = ()) -> bool:
    """Return whether the value of a header may be written down. ``columns`` are the names of the data's columns, which
    may stand in braces."""
    if HARMLESS_HEADERS.fullmatch(name) or variables_in(value):
        return True
    rest = re.sub(rf"\{{(?:{'|'.join(columns)})\}}", "", value) if columns else value
    return re.fullmatch(_SCHEME, rest) is not None or (not sounds_secret(name) and is_harmless(rest))


def _secrets(scenario: Scenario, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield all texts that must not be written."""
    names = [scenario.name, *(topology.name for topology in scenario.topologies)]
    for command in commands_of(scenario).values():
        yield from _secrets_of(command, environ, names)
    load = scenario.load
    columns = load.data.columns if load.data else ()
    for name in variables_of_load(load):
        yield environ.get(name, "")
    for request in load.requests:
        for text in (request.path, decode_body(request)):
            yield from secrets_in(text)
        for name, value in request.headers.items():
            yield from secrets_in(value) if is_public_header(name, value, columns) else _parts_of(value)
    if load.data:
        for row in (load.data.rows[0], load.data.rows[-1]):  # readiness requests use these, and messages quote them
            yield from (cell for name, cell in zip(load.data.columns, row, strict=True) if sounds_secret(name))


def _secrets_of(command: WithCommand, environ: Mapping[str, str], names: Sequence[str]) -> Iterator[str]:
    for name in variables_of_command(command):
        yield environ.get(name, "")
    for name, value in command.env.items():
        yield from secrets_in(value)
        if not is_public_variable(name, value, command.public_env) and not _is_public_name(name, value, names):
            yield from literals_of(value)
    for name in command.pass_env:
        value = environ.get(name, "")
        if not HARMLESS_VARIABLES.fullmatch(name) and (sounds_secret(name) or not is_harmless(value)):
            yield value
    for words in _commands(command):
        for before, word in zip(("", *words), words, strict=False):
            yield secret_of_word(word, before)
            yield from secrets_in(word)
    yield from secrets_in((command.image or "") if isinstance(command, Topology) else "")
    for file in command.files if isinstance(command, Topology) else ():
        yield from secrets_in(file.text or "")


def _is_public_name(variable: str, value: str, names: Sequence[str]) -> bool:
    """Return whether the value is plain words, its variable does not sound like a secret, and a name of the scenario or
    of a topology contains it anyway: ``php-fpm-ondemand``, with ``PM = "ondemand"``."""
    is_plain = not sounds_secret(variable) and _WORDS.fullmatch(value) is not None
    return is_plain and any(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", name) for name in names)


def _parts_of(header: str) -> Iterator[str]:
    """Yield the header's value and its parts: a secret may follow a scheme, and several have names in a cookie."""
    yield header
    for part in re.split(r"[;,\s]+", header):
        yield from (part, part.partition("=")[2])


def _redact_topology(topology: Topology, redactor: Redactor) -> Topology:
    named = {"unix_socket": topology.unix_socket, "ca_file": topology.ca_file, "image": topology.image}
    paths = {key: path and redactor.redact(path) for key, path in named.items()}
    side = topology.side and topology.side.model_copy(update={"root": redactor.redact(topology.side.root)})
    words = {"requires": _redact_words(topology.requires, redactor)}
    processes = tuple(
        each.model_copy(update={"command": _redact_words(each.command, redactor)}) for each in topology.processes
    )
    files = tuple(each.model_copy(update={"text": redactor.redact(each.text or "")}) for each in topology.files)
    return _redact_command(topology, redactor).model_copy(
        update={"side": side, "processes": processes, "files": files, **words, **paths}
    )


def _redact_service(service: Service, redactor: Redactor) -> Service:
    words = {name: _redact_words(getattr(service, name), redactor) for name in ("prepare", "ready_command")}
    return _redact_command(service, redactor).model_copy(update=words)


def _redact_command(command: Commanded, redactor: Redactor) -> Commanded:
    env = {
        name: redactor.redact(value) if is_public_variable(name, value, command.public_env) else REDACTED
        for name, value in command.env.items()
    }
    words, cwd = _redact_words(command.command, redactor), redactor.redact(command.cwd)
    return command.model_copy(update={"env": env, "command": words, "cwd": cwd})


def _redact_words(words: Sequence[str], redactor: Redactor) -> tuple[str, ...]:
    pairs = zip(words, ("", *words), strict=False)
    return tuple(redactor.redact(_cut_secret(word, secret_of_word(word, before))) for word, before in pairs)


def _cut_secret(word: str, secret: str) -> str:
    return word.removesuffix(secret) + REDACTED if secret else word


def _redact_published_run(figures: PublishedRun, redactor: Redactor) -> PublishedRun:
    return figures.model_copy(update={"heading": redactor.redact(figures.heading)})


def _redact_load(load: ScenarioLoad, redactor: Redactor) -> ScenarioLoad:
    columns = load.data.columns if load.data else ()
    return load.model_copy(
        update={
            "requests": tuple(_redact_request(request, columns, redactor) for request in load.requests),
            "data": load.data and _redact_data(load.data, redactor),
            "expect": _redact_expectation(load.expect, redactor),
            "ready_path": load.ready_path and redactor.redact(load.ready_path),
        }
    )


def _redact_request(request: Request, columns: Sequence[str], redactor: Redactor) -> Request:
    headers = {
        name: redactor.redact(value) if is_public_header(name, value, columns) else REDACTED
        for name, value in request.headers.items()
    }
    body = redactor.redact(decode_body(request)).encode("utf-8", "surrogateescape")
    return request.model_copy(update={"path": redactor.redact(request.path), "headers": headers, "body": body})


def _redact_data(data: DataTable, redactor: Redactor) -> DataTable:
    """Return the data without the columns whose names sound like secrets and the cells that look like secrets."""
    hidden = [sounds_secret(column) for column in data.columns]
    rows = (tuple(REDACTED if at else cell for cell, at in zip(row, hidden, strict=True)) for row in data.rows)
    return data.model_copy(update={"rows": tuple(_redact_rows(rows, redactor))})


def _redact_rows(rows: Iterator[tuple[str, ...]], redactor: Redactor) -> Iterator[tuple[str, ...]]:
    """Yield the rows without secrets. Many are searched at once, since most have none."""
    while chunk := list(islice(rows, ROWS_AT_ONCE)):
        together = "\n".join("\n".join(row) for row in chunk)
        if redactor.redact(together) == together:
            yield from chunk
        else:
            yield from (tuple(map(redactor.redact, row)) for row in chunk)


def _redact_expectation(expect: Expectation, redactor: Redactor) -> Expectation:
    texts = {"body_contains": expect.body_contains, "body_matches": expect.body_matches}
    return expect.model_copy(update={key: text and redactor.redact(text) for key, text in texts.items()})
