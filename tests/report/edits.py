"""Every single edit of the JSON of a run folder: each value of each file, in every way that somebody may write it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import copytree
from typing import Any, Final

Tree = Any  # what JSON holds: the edits ask of each value what it is
Keys = tuple[int | str, ...]

LONG: Final = 30_000
MANY: Final = 60  # keys: a table with more of them is a list of alike things by name
ALIKE: Final = 2  # of alike things, such as the trials of a plan, the first ones stand for all
RECORDS: Final = "trials.jsonl"
FILES: Final = ("scenario.json", "run.json", "environment.json", "ending.json", "fingerprint.json", RECORDS)
PLACE: Final = "\ue000 here \ue000"  # which nothing in a run holds

# As they stand in the file. Those at the ends of what may be measured are allowed nearly everywhere.
VALUES: Final = {
    "zero": "0",
    "minus one": "-1",
    "a half": "0.5",
    "10^400": "1" + "0" * 400,
    "minus 10^400": "-1" + "0" * 400,
    "5,000 digits": "9" * 5000,
    "1e308": "1e308",
    "1e-308": "1e-308",
    "1e999": "1e999",
    "the largest amount": "1e15",
    "its negative": "-1e15",
    "the smallest amount": "1e-9",
    "the largest count": str(2**53),
    "NaN": "NaN",
    "the text NaN": '"NaN"',
    "the text 1e308": '"1e308"',
    "no text": '""',
    "long text": json.dumps("x" * LONG),
    "a long name": json.dumps("a" * 80),
    "control characters": json.dumps("\x00\x1b[31m\x85\u202e\n"),
    "half of a pair": '"\\ud800"',
    "markup": json.dumps("<script>|`$x$`\\{{}}"),
    "null": "null",
    "true": "true",
    "an empty list": "[]",
    "an empty table": "{}",
    "a list of a table": "[{}]",
}


@dataclass(frozen=True)
class Edit:
    """What somebody did to a run folder, by a name that tells; ``make`` does it to a folder."""

    name: str
    make: Callable[[Path], None]


def edits_of(run: Path) -> Iterator[Edit]:
    """Yield every single edit of a run folder."""
    for file in FILES:
        if (run / file).exists():
            lines = (run / file).read_text(encoding="utf-8").splitlines(keepends=True) if file == RECORDS else [None]
            for line, text in islice(enumerate(lines), ALIKE):
                tree = json.loads(text or (run / file).read_text(encoding="utf-8"))
                where = file if text is None else f"{file}:{line + 1}"
                yield from _edits_of_tree(tree, where, file, None if text is None else line)


def _edits_of_tree(tree: Tree, where: str, file: str, line: int | None) -> Iterator[Edit]:
    for keys in keys_of(tree):
        name = f"{where} {'.'.join(map(str, keys))[:100]}"
        for kind, written in written_for(_at(tree, keys)).items():
            yield Edit(f"{name}: {kind}", partial(_edit, file, line, keys, written))
        yield Edit(f"{name}: deleted", partial(_edit, file, line, keys, None))


def keys_of(tree: Tree, before: Keys = ()) -> Iterator[Keys]:
    """Yield where each value of the tree stands, those that hold others included."""
    if isinstance(tree, dict):
        named: Iterator[tuple[int | str, Tree]] = islice(tree.items(), ALIKE if len(tree) > MANY else None)
    else:
        named = islice(enumerate(tree), ALIKE) if isinstance(tree, list) else iter(())
    for key, value in named:
        yield (*before, key)
        yield from keys_of(value, (*before, key))


def written_for(value: Tree) -> dict[str, str]:
    """Return what may be written in the place of a value, by its name."""
    if isinstance(value, list):
        return VALUES | {"doubled": json.dumps(value * 2), "a thousand": json.dumps((value * 1000)[:1000])}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return VALUES
    return VALUES | {"negative": json.dumps(-value), "a little more": json.dumps(value + 1), "text": f'"{value}"'}


def _at(tree: Tree, keys: Keys) -> Tree:
    for key in keys:
        tree = tree[key]
    return tree


def _edit(file: str, line: int | None, keys: Keys, written: str | None, run: Path) -> None:
    """Write this, or nothing, where the value stands."""
    path = run / file
    lines = [path.read_text(encoding="utf-8")] if line is None else path.read_text(encoding="utf-8").splitlines(True)
    tree = json.loads(lines[line or 0])
    *outer, last = keys
    holder = _at(tree, tuple(outer))
    if written is None:
        del holder[last]
    else:
        holder[last] = PLACE
    lines[line or 0] = json.dumps(tree).replace(json.dumps(PLACE), written or "") + "\n"
    path.write_text("".join(lines), encoding="utf-8")


def make_edited(edit: Edit, sound: Path, results: Path) -> Path:
    """Return the folder that was edited, which may have another name since, beside a sound one."""
    for name in ("sound", "edited"):
        copytree(sound, results / name)
    edit.make(results / "edited")
    (edited,) = (each for each in results.iterdir() if each.name not in ("sound", "another"))
    return edited
