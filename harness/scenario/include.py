"""The files of one scenario: the one that is named, and those that it includes, merged into one set of tables.

What the including file says holds. Tables are merged key by key; of lists of tables, such as ``[[topology]]``, those of
included files come first.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.scenario.key_lines import KeyLines, value_at
from harness.scenario.table import ScenarioError
from harness.text import read_utf8
from harness.text.problems import format_value, reason
from harness.units import size_text

Tables = dict[str, Any]
Location = tuple[int | str, ...]

INCLUDE: Final = "include"
MAX_FILE_BYTES: Final = 2**16  # the TOML parser takes two seconds for a single key of so many parts
# Where files are named: relative to the file that names them, on whatever one includes it.
FILE_KEYS: Final = (
    ("load", "data"), ("load", "body_file"), ("load", "request", "body_file"), ("topology", "ca_file"),
    ("topology", "file", "template"),
)  # fmt: skip


@dataclass(frozen=True)
class ScenarioText:
    """One file of a scenario, as it is written."""

    path: Path
    text: str
    tables: Tables

    def find_line(self, location: Location, overridden: Mapping[str, object]) -> int | None:
        """Return the line of the key at a location; None where that is not known."""
        return KeyLines(self.text, overridden).find(location)


def read_texts(path: Path) -> list[ScenarioText]:
    """Return the files of the scenario: those that it includes, and then itself. Raises ScenarioError for one that
    can't be read, is not TOML or includes others itself."""
    main = _read_text(path)
    included = main.tables.get(INCLUDE, [])
    if not isinstance(included, list) or not all(isinstance(name, str) for name in included):
        raise ScenarioError(
            f'{path}: {INCLUDE}: expected a list of files such as ["common.toml"], got {format_value(included)}'
        )
    return [*(_read_included(path, name) for name in included), main]


def merge_texts(texts: Sequence[ScenarioText]) -> Tables:
    """Return the tables of all files together."""
    merged: Tables = {}
    for text in texts:
        merged = _merge(merged, text.tables)
    return merged


def find_text(texts: Sequence[ScenarioText], location: Location) -> tuple[ScenarioText, Location]:
    """Return the file that says what stands at a location of the merged tables, and its location in that file: the last
    that has the key or, where none has, the table around it."""
    places = [(text, _locate(texts[:number], location)) for number, text in enumerate(texts)]
    return max(places, key=lambda place: (_depth(place[0].tables, place[1]), texts.index(place[0])))


def _read_included(main: Path, name: str) -> ScenarioText:
    text = _read_text(main.parent / name)
    if INCLUDE in text.tables:
        raise ScenarioError(f"{text.path}: {INCLUDE}: expected none in a file that {main} includes")
    folder = os.path.relpath(text.path.parent, main.parent)
    for keys in FILE_KEYS:
        for table in _find_tables(text.tables, keys[:-1]):
            if isinstance(table.get(keys[-1]), str):
                table[keys[-1]] = os.path.join(folder, table[keys[-1]])
    return text


def _find_tables(tables: Tables, keys: Sequence[str]) -> Iterator[Tables]:
    """Yield the tables at these keys, each of a list of them."""
    if not keys:
        yield tables
        return
    found = tables.get(keys[0])
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict):
            yield from _find_tables(each, keys[1:])


def _read_text(path: Path) -> ScenarioText:
    text = _read(path)
    try:
        return ScenarioText(path, text, tomllib.loads(text))
    except RecursionError as error:
        raise ScenarioError(f"{path}: nested too deeply") from error
    except tomllib.TOMLDecodeError as error:
        hint = "; text stands in quotes" if str(error).startswith("Invalid value") else ""
        raise ScenarioError(f"{path}: not TOML: {reason(str(error))}{hint}") from error
    except ValueError as error:
        raise ScenarioError(f"{path}: expected numbers of at most 4,300 digits, got more") from error


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ScenarioError(
                f"{path}: expected at most {size_text(MAX_FILE_BYTES)}, got {size_text(path.stat().st_size)}"
            )
        return read_utf8(path.read_bytes())
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ScenarioError(f"{path}: {error}") from error


def _merge(before: Tables, after: Tables) -> Tables:
    return {**before, **{key: _merge_values(before.get(key), value) for key, value in after.items()}}


def _merge_values(before: object, after: object) -> object:
    if isinstance(before, dict) and isinstance(after, dict):
        return _merge(before, after)
    first, then = _tables_of(before), _tables_of(after)
    return [*first, *then] if first and then else after


def _tables_of(value: object) -> list[Tables]:
    """Return the tables of a list of tables; none of anything else."""
    is_list = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return value if is_list and isinstance(value, list) else []


def _locate(before: Sequence[ScenarioText], location: Location) -> Location:
    """Return the location in a file that comes after these. Lists within a table are no one else's."""
    for at, part in enumerate(location):
        if isinstance(part, int):
            earlier = sum(len(_tables_of(value_at(text.tables, location[:at]))) for text in before)
            return (*location[:at], part - earlier, *location[at + 1 :])
    return location


def _depth(tables: Tables, location: Location) -> int:
    """Return how many parts of the location the tables have."""
    return next((n for n in range(len(location), 0, -1) if value_at(tables, location[:n]) is not None), 0)
