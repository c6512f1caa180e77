"""What of a scenario is written down, and what is not.

The value of a variable in ``env`` or of a header is written only where its name is on the list of harmless ones, where
it is a number, a switch, a level or an address of this machine under a name that sounds like no secret, where the
scenario names it in ``public_env``, or where {env:NAME} stands in it, so that its secret is elsewhere. Of these, and of
commands, paths, bodies and data, which are written by default, what looks like a secret is cut out.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from harness.load.requests import body_text
from harness.load.spec import DataTable, Expectation, Request
from harness.scenario.file import Documented, Scenario
from harness.scenario.load import ScenarioLoad, variables_in_request
from harness.scenario.placeholders import KNOWN_IN_ENV, check_placeholders, literals_of, variables_in, variables_of
from harness.scenario.topology import Topology, placeholders_of
from harness.text.redaction import REDACTED, Redactor, is_harmless, secret_of_word, secrets_in, sounds_secret

# What programs are told with these is where to listen, how many to be, where code is, how to run it: never a key.
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
AT_ONCE: Final = 1000  # rows
_WORDS: Final = re.compile(r"[a-z]+(?:[-_][a-z]+)*", re.IGNORECASE)
_SCHEME: Final = r"(?i:basic|bearer|token)?\s*"


def redactor_of(scenario: Scenario, environ: Mapping[str, str] = os.environ) -> Redactor:
    """Return what keeps the secrets of a scenario out of all that is written of its run; ``environ`` is the caller's
    environment, which fills {env:NAME}."""
    return Redactor(_secrets(scenario, environ))


def as_written(scenario: Scenario, redactor: Redactor) -> Scenario:
    """Return the scenario as it is written down."""
    return scenario.model_copy(
        update={
            "topologies": tuple(_topology(topology, redactor) for topology in scenario.topologies),
            "load": _load(scenario.load, redactor),
            "prepare": _words(scenario.prepare, redactor),
            "documented": tuple(_documented(figures, redactor) for figures in scenario.documented),
        }
    )


def withheld_of(topology: Topology) -> list[str]:
    """Return what of a topology was not written down: ``API_TOKEN in env``."""
    found = [f"{name} in env" for name, value in topology.env.items() if REDACTED in value]
    return [*found, *(["a word of its command"] if any(REDACTED in word for word in topology.command) else [])]


def withheld_of_load(load: ScenarioLoad) -> list[str]:
    """Return what of a load was not written down: ``header Authorization``."""
    found: dict[str, None] = {}
    for request in load.requests:
        found |= {f"header {name}": None for name, value in request.headers.items() if REDACTED in value}
        found |= {"path": None} if REDACTED in request.path else {}
        found |= {"body": None} if REDACTED.encode() in request.body else {}
    if load.data and any(REDACTED in cell for row in load.data.rows for cell in row):
        found["data"] = None
    others = (load.ready_path, load.expect.body_contains, load.expect.body_matches)
    return [*found, *(["what is asked or expected"] if any(REDACTED in text for text in others if text) else [])]


def variables_of_topology(topology: Topology) -> list[str]:
    """Return the names of the caller's variables that {env:NAME} in it stand for."""
    return variables_of(placeholders_of(topology))


def variables_of_load(load: ScenarioLoad) -> list[str]:
    """Return the names of the caller's variables that {env:NAME} in it stand for."""
    return [name for request in load.requests for name in variables_in_request(request)]


def is_public_variable(name: str, value: str, public_env: Sequence[str] = ()) -> bool:
    """Return whether the value of a variable in ``env`` may be written down, less what looks like a secret in it."""
    if (
        HARMLESS_VARIABLES.fullmatch(name)
        or name in public_env
        or variables_of(check_placeholders([value], KNOWN_IN_ENV))
    ):
        return True
    return not sounds_secret(name) and is_harmless("".join(literals_of(value)))


def is_public_header(name: str, value: str, columns: Sequence[str] = ()) -> bool:
    """Return whether the value of a header may be written down; ``columns`` of data fill what is in braces."""
    if HARMLESS_HEADERS.fullmatch(name) or variables_in(value):
        return True
    rest = re.sub(rf"\{{(?:{'|'.join(columns)})\}}", "", value) if columns else value
    return re.fullmatch(_SCHEME, rest) is not None or (not sounds_secret(name) and is_harmless(rest))


def _secrets(scenario: Scenario, environ: Mapping[str, str]) -> Iterator[str]:
    """Give all that must not be written."""
    names = [scenario.name, *(topology.name for topology in scenario.topologies)]
    for topology in scenario.topologies:
        yield from _secrets_of(topology, environ, names)
    load = scenario.load
    columns = load.data.columns if load.data else ()
    for name in variables_of_load(load):
        yield environ.get(name, "")
    for request in load.requests:
        for text in (request.path, body_text(request)):
            yield from secrets_in(text)
        for name, value in request.headers.items():
            yield from secrets_in(value) if is_public_header(name, value, columns) else _parts_of(value)
    if load.data:
        for row in (load.data.rows[0], load.data.rows[-1]):  # with which a server is asked, and so called in messages
            yield from (cell for name, cell in zip(load.data.columns, row, strict=True) if sounds_secret(name))


def _secrets_of(topology: Topology, environ: Mapping[str, str], names: Sequence[str]) -> Iterator[str]:
    for name in variables_of_topology(topology):
        yield environ.get(name, "")
    for name, value in topology.env.items():
        yield from secrets_in(value)
        if not is_public_variable(name, value, topology.public_env) and not _is_told(name, value, names):
            yield from literals_of(value)
    for name in topology.pass_env:
        value = environ.get(name, "")
        if not HARMLESS_VARIABLES.fullmatch(name) and (sounds_secret(name) or not is_harmless(value)):
            yield value
    for before, word in zip(("", *topology.command), topology.command, strict=False):
        yield secret_of_word(word, before)
        yield from secrets_in(word)


def _is_told(variable: str, value: str, names: Sequence[str]) -> bool:
    """Whether nothing but words stands in the value of a variable that sounds like no secret, and the scenario or a
    topology is called by it: ``php-fpm-ondemand``, with ``PM = "ondemand"``."""
    is_plain = not sounds_secret(variable) and _WORDS.fullmatch(value) is not None
    return is_plain and any(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", name) for name in names)


def _parts_of(header: str) -> Iterator[str]:
    """A secret with a scheme, or several with names as in a cookie."""
    yield header
    for part in re.split(r"[;,\s]+", header):
        yield from (part, part.partition("=")[2])


def _topology(topology: Topology, redactor: Redactor) -> Topology:
    env = {
        name: redactor.redact(value) if is_public_variable(name, value, topology.public_env) else REDACTED
        for name, value in topology.env.items()
    }
    files = {"unix_socket": topology.unix_socket, "ca_file": topology.ca_file}
    paths = {key: path and redactor.redact(path) for key, path in files.items()}
    side = topology.side and topology.side.model_copy(update={"root": redactor.redact(topology.side.root)})
    words = {name: _words(getattr(topology, name), redactor) for name in ("command", "requires")}
    return topology.model_copy(update={"env": env, "side": side, **words, **paths})


def _words(words: Sequence[str], redactor: Redactor) -> tuple[str, ...]:
    pairs = zip(words, ("", *words), strict=False)
    return tuple(redactor.redact(_without(word, secret_of_word(word, before))) for word, before in pairs)


def _without(word: str, secret: str) -> str:
    return word.removesuffix(secret) + REDACTED if secret else word


def _documented(figures: Documented, redactor: Redactor) -> Documented:
    return figures.model_copy(update={"heading": redactor.redact(figures.heading)})


def _load(load: ScenarioLoad, redactor: Redactor) -> ScenarioLoad:
    columns = load.data.columns if load.data else ()
    return load.model_copy(
        update={
            "requests": tuple(_request(request, columns, redactor) for request in load.requests),
            "data": load.data and _data(load.data, redactor),
            "expect": _expectation(load.expect, redactor),
            "ready_path": load.ready_path and redactor.redact(load.ready_path),
        }
    )


def _request(request: Request, columns: Sequence[str], redactor: Redactor) -> Request:
    headers = {
        name: redactor.redact(value) if is_public_header(name, value, columns) else REDACTED
        for name, value in request.headers.items()
    }
    body = redactor.redact(body_text(request)).encode("utf-8", "surrogateescape")
    return request.model_copy(update={"path": redactor.redact(request.path), "headers": headers, "body": body})


def _data(data: DataTable, redactor: Redactor) -> DataTable:
    """Columns that sound like secrets, and cells that look like some, are not written."""
    hidden = [sounds_secret(column) for column in data.columns]
    rows = (tuple(REDACTED if at else cell for cell, at in zip(row, hidden, strict=True)) for row in data.rows)
    return data.model_copy(update={"rows": tuple(_rows(rows, redactor))})


def _rows(rows: Iterator[tuple[str, ...]], redactor: Redactor) -> Iterator[tuple[str, ...]]:
    """Many at once, of which most have nothing to hide."""
    while chunk := list(islice(rows, AT_ONCE)):
        together = "\n".join("\n".join(row) for row in chunk)
        if redactor.redact(together) == together:
            yield from chunk
        else:
            yield from (tuple(map(redactor.redact, row)) for row in chunk)


def _expectation(expect: Expectation, redactor: Redactor) -> Expectation:
    texts = {"body_contains": expect.body_contains, "body_matches": expect.body_matches}
    return expect.model_copy(update={key: text and redactor.redact(text) for key, text in texts.items()})
