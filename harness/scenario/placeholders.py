"""Placeholders: names in braces that are filled when a scenario is run.

``{port}`` is filled with a value of the harness, ``{env:NAME}`` with a variable of the caller,
``{service.NAME.port}`` with the port of a service that runs beside the server, ``{file.NAME}`` with the path of a file
that is written for the trial. No other feature of Python's formats is available: a format, a conversion, an attribute
or a position is refused when a scenario is read, and is not filled either. A literal brace is written twice.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from harness.errors import HarnessError

PLACEHOLDERS: Final = (
    "python", "harness_python", "host", "port", "unix_socket", "workers", "replicas", "instance", "folder", "root",
)  # fmt: skip
ENV: Final = "env:NAME"  # stands for {env:NAME} in lists of allowed names
SERVICE: Final = "service.NAME.port"  # and this for {service.NAME.port} and its kin
FILE: Final = "file.NAME"
KNOWN_IN_COMMANDS: Final = (*PLACEHOLDERS, SERVICE, FILE)
KNOWN_IN_ENV: Final = (*KNOWN_IN_COMMANDS, ENV)
MAX_SHOWN: Final = 80  # characters of what somebody wrote

_VARIABLE: Final = r"env:[A-Za-z_][A-Za-z0-9_]*"
_OF_ENVIRONMENT: Final = re.compile(rf"\{{({_VARIABLE})\}}")
_SERVICE: Final = r"service\.[A-Za-z0-9][A-Za-z0-9_-]*\.(?:host|port|folder)"
_FILE: Final = r"file\.[A-Za-z0-9][A-Za-z0-9._+-]*"
_LIKE_SERVICE: Final = re.compile(r"\{service\.([A-Za-z0-9][A-Za-z0-9_-]*)")
_LIKE_ONE: Final = re.compile(r"\{env:[^{}]*\}")
_BRACES: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_OPEN: Final = re.compile(rf"(\{{(?:{'|'.join(PLACEHOLDERS)}|{_VARIABLE}|{_SERVICE}|{_FILE})\}})")


class PlaceholderError(HarnessError, ValueError):
    """An error for braces that nothing fills. The message has the text and what to write instead; ``where`` describes
    the place without the text, which may be a secret."""

    def __init__(self, text: str, at: int, known: Sequence[str]) -> None:
        listed = ", ".join(f"{{{name}}}" for name in known)
        plain = escape_braces(text)
        instead, hint = f": write {plain!r}" if len(plain) <= MAX_SHOWN else "", ""
        rule, those = "expected placeholders, and other braces doubled", f"placeholders are {listed}"
        if SERVICE in known and (like := _LIKE_SERVICE.match(text, at)):
            instead = hint = f": a service has {{service.{like[1]}.host}}, .port and .folder"
        super().__init__(f"{rule}, got {text!r:.{MAX_SHOWN}}{instead}; {those}")
        self.where = f"{rule}, got a single one as character {at + 1}{hint}; {those}"


class MissingVariableError(HarnessError, ValueError):
    """An error for a variable that the caller's environment does not have. The message is its name."""


def check_placeholders(texts: Iterable[str], known: Sequence[str] = PLACEHOLDERS) -> set[str]:
    """Return the names in braces. Raises PlaceholderError for what nothing fills."""
    return {name for text in texts for _, name in _split_placeholders(text, known) if name}


def fill(text: str, values: Mapping[str, object]) -> str:
    """Return the text with its placeholders filled from ``values``. Raises PlaceholderError for any other."""
    parts = _split_placeholders(text, tuple(values))
    return "".join(literal + (str(values[name]) if name else "") for literal, name in parts)


def fill_some(text: str, values: Mapping[str, object]) -> str:
    """Return the text with the placeholders that ``values`` has filled, and all others left to be filled later."""

    def fill_one(braces: re.Match[str]) -> str:
        if braces[1] not in values:
            return braces[0]
        return str(values[braces[1]]).replace("{", "{{").replace("}", "}}")

    return _BRACES.sub(fill_one, text)


def literals_of(text: str) -> list[str]:
    """Return the texts before, between and after the placeholders. Raises PlaceholderError."""
    parts = [""]
    for literal, name in _split_placeholders(text, KNOWN_IN_ENV):
        parts[-1] += literal
        parts += [""] if name else []
    return parts


def escape_braces(text: str) -> str:
    """Return the text as a scenario has it: placeholders are kept, and every other brace is doubled."""
    parts = _OPEN.split(text)
    parts[::2] = [part.replace("{", "{{").replace("}", "}}") for part in parts[::2]]
    return "".join(parts)


def variables_of(names: Iterable[str]) -> list[str]:
    """Return the names, of those in braces, that stand for variables of the caller, without ``env:``."""
    return [name.removeprefix("env:") for name in names if name.startswith("env:")]


def services_of(names: Iterable[str]) -> set[str]:
    """Return the names of the services, of those in braces, whose host, port or folder is wanted."""
    return {name.split(".")[1] for name in names if re.fullmatch(_SERVICE, name)}


def files_of(names: Iterable[str]) -> set[str]:
    """Return the names of the files, of those in braces, whose path is wanted."""
    return {name.partition(".")[2] for name in names if re.fullmatch(_FILE, name)}


def variables_in(text: str) -> list[str]:
    """Return the variables that the {env:NAME} in a text stand for. All other braces are literal.

    Raises ValueError for a name that no variable can have.
    """
    if wrong := [like for like in _LIKE_ONE.findall(text) if not _OF_ENVIRONMENT.fullmatch(like)]:
        raise ValueError(f"expected {{env:NAME}} with a name of letters, digits and _, got {wrong[0]!r:.{MAX_SHOWN}}")
    return variables_of(_OF_ENVIRONMENT.findall(text))


def fill_variables(text: str, environ: Mapping[str, str]) -> str:
    """Return the text with all {env:NAME} filled. All other braces are literal. Raises MissingVariableError."""
    values = look_up(variables_in(text), environ)
    return _OF_ENVIRONMENT.sub(lambda match: values[match[1]], text)


def look_up(variables: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each variable by the placeholder that stands for it. Raises MissingVariableError."""
    wanted = list(variables)
    if missing := [name for name in wanted if name not in environ]:
        raise MissingVariableError(missing[0])
    return {f"env:{name}": environ[name] for name in wanted}


def _is_of_kind(name: str, known: Sequence[str]) -> bool:
    """Return whether the name is one of a variable, a service or a file, where these are known."""
    kinds = {ENV: _VARIABLE, SERVICE: _SERVICE, FILE: _FILE}
    return any(kind in known and re.fullmatch(pattern, name) for kind, pattern in kinds.items())


def _split_placeholders(text: str, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each literal text with the name of the placeholder after it, which is empty after a doubled brace and after
    the last text. Raises PlaceholderError."""
    begin = 0
    for braces in _BRACES.finditer(text):
        name = braces[1]
        if braces[0] in ("{{", "}}"):
            yield text[begin : braces.start() + 1], ""
        elif name in known or _is_of_kind(name or "", known):
            yield text[begin : braces.start()], name
        else:
            raise PlaceholderError(text, braces.start(), known)
        begin = braces.end()
    yield text[begin:], ""
