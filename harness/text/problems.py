"""Messages on values that people wrote wrong: what was expected, what stands there, and what to write instead."""

import json
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from pydantic_core import ErrorDetails

from harness.text import printable
from harness.text.redaction import hide_secrets, is_harmless, sounds_secret

MAX_SHOWN: Final = 80  # characters of what somebody wrote
MAX_REASON_LENGTH: Final = 500  # characters
HELD_BACK: Final = ("env", "headers", "body")  # keys whose values may be secrets
COMMANDS: Final = ("command", "prepare")  # lists of words, which people often write as one line
NUMBERS: Final = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
}


def key_of(location: tuple[int | str, ...]) -> str:
    """Return the key at a location: ``topology[0].workers[1]`` for ``("topology", 0, "workers", 1)``."""
    parts = [part for part in location if part != "[key]"]  # pydantic's word for the name of an entry
    names = (f"[{part}]" if isinstance(part, int) else f".{_shorten(printable(part))}" for part in parts)
    return "".join(names).removeprefix(".")


def reason(text: str) -> str:
    """Return the reason as one line of limited length, without texts that look like secrets."""
    line = hide_secrets(printable(text))
    return line if len(line) <= MAX_REASON_LENGTH else f"{line[:MAX_REASON_LENGTH]}…"


def format_value(value: object) -> str:
    """Return the value as somebody wrote it, or its beginning."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return _shorten(repr(value))
    except ValueError:  # Python writes no number of so many digits
        return "a number of more than 4,300 digits"


def _text(value: object) -> str:
    """Return the value as text; empty if it can't be written as such."""
    try:
        return str(value)
    except ValueError:
        return ""


def describe_expected(problem: ErrorDetails, known: Mapping[str, str] | None = None) -> str:
    """Return what was expected instead of the value. ``known`` are the keys that may stand in its place, and those of
    other tables, as for :func:`describe_unknown_key`."""
    kind, value, name = problem["type"], problem["input"], _name(problem["loc"])
    if _is_held_back(problem["loc"], value):
        return _describe_without_value(problem)
    if kind == "extra_forbidden":
        return describe_unknown_key(name, known or {})
    if kind == "missing":
        return "expected, but missing"
    if kind == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    if kind == "tuple_type":
        return _describe_expected_list(name, value)
    if kind in ("dict_type", "model_type"):
        brackets = f" [{name}], in one pair of brackets" if isinstance(value, list) and name else ""
        return f"expected a table{brackets}, got {format_value(value)}"
    if kind == "string_type":
        return _describe_expected_text(name, value)
    if kind in NUMBERS:
        return _describe_expected_number(name, value, NUMBERS[kind])
    if kind == "bool_type":
        word = _text(value).lower()
        suggestion = _suggest(name, word if word in ("true", "false") else "")
        return f"expected true or false, got {format_value(value)}{suggestion}"
    if kind in ("too_short", "string_too_short"):
        return f"expected something, got {format_value(value)}"
    if kind in ("too_long", "string_too_long"):
        return f"expected at most {problem['ctx']['max_length']} characters, got {format_value(value)}"
    message = problem["msg"].replace("Input should be", "expected").replace("String should", "expected to")
    return f"{message}, got {format_value(value)}"


def describe_unknown_key(name: str, known: Mapping[str, str]) -> str:
    """Return what to write instead of an unknown key. ``known`` maps the keys of its own table to an empty text, and
    the keys of other tables to the place of their table."""
    here = [key for key, table in known.items() if not table]
    if name in known:
        return f"unknown key here; it belongs {known[name]}"
    name = name[:MAX_SHOWN]
    near = get_close_matches(name, here, n=1, cutoff=0.7) or get_close_matches(name.lower(), here, n=1, cutoff=0.7)
    if near:
        return f"unknown key; did you mean {near[0]}? Expected one of {', '.join(here)}"
    return f"unknown key; expected one of {', '.join(here)}"


def _name(location: tuple[int | str, ...]) -> str:
    """Return the key that somebody wrote; empty for an item of a list."""
    return str(location[-1]) if location and isinstance(location[-1], str) else ""


def _describe_expected_list(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"expected [[{name}]], a table in two pairs of brackets, got one pair"
    if name in COMMANDS and isinstance(value, str):
        suggestion = _suggest(name, _format_toml(_split_words(value)))
        return f"expected a list of words, got {format_value(value)}{suggestion}"
    return f"expected a list, got {format_value(value)}" + _suggest(name, _format_toml([value]))


def _describe_expected_text(name: str, value: object) -> str:
    if isinstance(value, list | dict):
        return f"expected text, got {format_value(value)}"
    text = _text(value).lower() if isinstance(value, bool) else _text(value)
    return f"expected text, in quotes, got {format_value(value)}" + _suggest(name, _format_toml(text))


def _describe_expected_number(name: str, value: object, what: str) -> str:
    is_quoted = isinstance(value, str) and value.strip().removeprefix("-").replace(".", "", 1).isdecimal()
    return f"expected {what}, got {format_value(value)}" + _suggest(name, str(value).strip() if is_quoted else "")


def _suggest(name: str, text: str) -> str:
    """Return what to write instead; empty where that is unknown or too long."""
    return f": write {name} = {text}" if name and text and len(text) <= MAX_SHOWN else ""


def _format_toml(value: object) -> str:
    """Return text, numbers and lists of them as TOML, in which they look as in JSON; empty for anything else."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return ""


def _split_words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _is_held_back(location: tuple[int | str, ...], value: object) -> bool:
    """Return whether the value must not be shown: its key is one of secrets, and it is not known to be harmless."""
    if location[-1:] == ("[key]",) or not any(part in HELD_BACK for part in location):
        return False
    is_plain = isinstance(value, bool | int | float | str) and is_harmless(_text(value) or "?")
    return not is_plain or any(sounds_secret(str(part)) for part in location)


def _describe_without_value(problem: ErrorDetails) -> str:
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ").partition("; got ")[0]
    rule = {"string_type": "expected text, in quotes", "dict_type": "expected a table"}.get(problem["type"])
    return f"{rule or 'describe_expected something else'}; what was given is not shown, since secrets stand there"
