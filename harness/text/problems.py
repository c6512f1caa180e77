"""What is wrong with a value that people wrote, in their words: what was expected there, and what to write instead."""

import json
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from pydantic_core import ErrorDetails

from harness.text import printable
from harness.text.redaction import hide_secrets, is_harmless, sounds_secret

MOST_SHOWN: Final = 80  # characters of what somebody wrote
MOST_CHARACTERS: Final = 500  # of one reason
HELD_BACK: Final = ("env", "headers", "body")  # where secrets stand
COMMANDS: Final = ("command", "prepare")  # lists of words, which people know as one line
NUMBERS: Final = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
}


def key_of(location: tuple[int | str, ...]) -> str:
    """Return where the value stands: ``("topology", 0, "workers", 1)`` as ``topology[0].workers[1]``."""
    parts = [part for part in location if part != "[key]"]  # pydantic's word for the name of an entry
    names = (f"[{part}]" if isinstance(part, int) else f".{_cut(printable(part))}" for part in parts)
    return "".join(names).removeprefix(".")


def reason(text: str) -> str:
    """Return what is wrong as one line that is not too long, without what looks like a secret in it."""
    line = hide_secrets(printable(text))
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}…"


def shown(value: object) -> str:
    """Return the value as somebody wrote it, or its beginning."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return _cut(repr(value))
    except ValueError:  # Python writes no number of so many digits
        return "a number of more than 4,300 digits"


def _text(value: object) -> str:
    """The value as text, if it can be written as such."""
    try:
        return str(value)
    except ValueError:
        return ""


def expected(problem: ErrorDetails, known: Mapping[str, str] | None = None) -> str:
    """Return what was expected instead of the value; ``known`` are the keys that may stand where an unknown one does,
    and others with the table that they belong to, see :func:`unknown_key`."""
    kind, value, name = problem["type"], problem["input"], _name(problem["loc"])
    if _is_held_back(problem["loc"], value):
        return _without_value(problem)
    if kind == "extra_forbidden":
        return unknown_key(name, known or {})
    if kind == "missing":
        return "expected, but missing"
    if kind == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    if kind == "tuple_type":
        return _a_list(name, value)
    if kind in ("dict_type", "model_type"):
        brackets = f" [{name}], in one pair of brackets" if isinstance(value, list) and name else ""
        return f"expected a table{brackets}, got {shown(value)}"
    if kind == "string_type":
        return _a_text(name, value)
    if kind in NUMBERS:
        return _a_number(name, value, NUMBERS[kind])
    if kind == "bool_type":
        word = _text(value).lower()
        return f"expected true or false, got {shown(value)}" + _write(name, word if word in ("true", "false") else "")
    if kind in ("too_short", "string_too_short"):
        return f"expected something, got {shown(value)}"
    if kind in ("too_long", "string_too_long"):
        return f"expected at most {problem['ctx']['max_length']} characters, got {shown(value)}"
    message = problem["msg"].replace("Input should be", "expected").replace("String should", "expected to")
    return f"{message}, got {shown(value)}"


def unknown_key(name: str, known: Mapping[str, str]) -> str:
    """Return what to write instead of a key: the ``known`` ones are those of its table, which have no table in the
    mapping, and those of others, by the table that they belong to."""
    here = [key for key, table in known.items() if not table]
    if name in known:
        return f"unknown key here; it belongs {known[name]}"
    name = name[:MOST_SHOWN]
    near = get_close_matches(name, here, n=1, cutoff=0.7) or get_close_matches(name.lower(), here, n=1, cutoff=0.7)
    if near:
        return f"unknown key; did you mean {near[0]}? Expected one of {', '.join(here)}"
    return f"unknown key; expected one of {', '.join(here)}"


def _name(location: tuple[int | str, ...]) -> str:
    """The key that somebody wrote; empty for an item of a list."""
    return str(location[-1]) if location and isinstance(location[-1], str) else ""


def _a_list(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"expected [[{name}]], a table in two pairs of brackets, got one pair"
    if name in COMMANDS and isinstance(value, str):
        return f"expected a list of words, got {shown(value)}" + _write(name, _toml(_words(value)))
    return f"expected a list, got {shown(value)}" + _write(name, _toml([value]))


def _a_text(name: str, value: object) -> str:
    if isinstance(value, list | dict):
        return f"expected text, got {shown(value)}"
    text = _text(value).lower() if isinstance(value, bool) else _text(value)
    return f"expected text, in quotes, got {shown(value)}" + _write(name, _toml(text))


def _a_number(name: str, value: object, what: str) -> str:
    is_quoted = isinstance(value, str) and value.strip().removeprefix("-").replace(".", "", 1).isdecimal()
    return f"expected {what}, got {shown(value)}" + _write(name, str(value).strip() if is_quoted else "")


def _write(name: str, text: str) -> str:
    """What to write instead, where that is known and short."""
    return f": write {name} = {text}" if name and text and len(text) <= MOST_SHOWN else ""


def _toml(value: object) -> str:
    """Text, whole numbers and lists of them as TOML has them, which is as JSON does; empty for everything else."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return ""


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _is_held_back(location: tuple[int | str, ...], value: object) -> bool:
    """Whether it stands where secrets do, and is not known to be none."""
    if location[-1:] == ("[key]",) or not any(part in HELD_BACK for part in location):
        return False
    is_plain = isinstance(value, bool | int | float | str) and is_harmless(_text(value) or "?")
    return not is_plain or any(sounds_secret(str(part)) for part in location)


def _without_value(problem: ErrorDetails) -> str:
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ").partition("; got ")[0]
    rule = {"string_type": "expected text, in quotes", "dict_type": "expected a table"}.get(problem["type"])
    return f"{rule or 'expected something else'}; what was given is not shown, since secrets stand there"
