"""The words of the code: names, docstrings and sizes that a reader can rely on."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

HARNESS: Final = Path(__file__).parents[1] / "harness"
MAX_LINES: Final = 60  # of a function
LONGER: Final = {"_serve"}  # the engine's quick path; and what Typer makes options of
MADE: Final = {
    "begun", "bound", "brought", "built", "caught", "chosen", "did", "done", "drawn", "found", "frozen", "given",
    "gone", "held", "hidden", "kept", "known", "left", "lost", "made", "meant", "met", "said", "seen", "sent", "shown",
    "spent", "taken", "told", "written",
}  # fmt: skip
TOLD: Final = {"tell", "tells", "telling", "told"}
NO_OPENING: Final = {"What", "Of", "How", "Where", "Which", "Whether"}
NOUN_OPENING: Final = {"A", "All", "An", "Each", "Every", "One", "The"}  # for classes and properties alone

Function = ast.FunctionDef | ast.AsyncFunctionDef


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of the package, with where it stands."""
    for path in sorted(HARNESS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield f"{path.relative_to(HARNESS.parent)}:{getattr(node, 'lineno', 1)}", node


NODES: Final = list(nodes())
FUNCTIONS: Final = [(where, node) for where, node in NODES if isinstance(node, Function)]


def is_bare_participle(name: str) -> bool:
    """Check whether it says that something was done, and neither what nor to what."""
    word = name.strip("_")
    return word in MADE or ("_" not in word and word.endswith("ed") and word not in {"feed", "need", "seed", "speed"})


def is_property(node: Function) -> bool:
    """Check whether it is read as a field is."""
    return any(isinstance(each, ast.Name) and each.id.endswith("property") for each in node.decorator_list)


def test_no_class_is_defined_twice() -> None:
    found: dict[str, list[str]] = {}
    for where, node in NODES:
        if isinstance(node, ast.ClassDef):
            found.setdefault(node.name.lstrip("_"), []).append(where)
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_functions_are_named_by_what_they_do() -> None:
    wrong = [
        f"{where} {node.name}"
        for where, node in FUNCTIONS
        if (is_bare_participle(node.name) and not is_property(node)) or TOLD.intersection(node.name.split("_"))
    ]
    assert wrong == []


def test_docstrings_open_with_a_verb_or_a_noun() -> None:
    wrong = []
    for where, node in NODES:
        if isinstance(node, Function | ast.ClassDef | ast.Module):
            opening = (ast.get_docstring(node) or "-").split()[0].rstrip(",:")
            if opening in NO_OPENING and not getattr(node, "name", "").startswith("_"):
                wrong.append(f"{where} {opening}")
    assert wrong == []


def test_functions_say_what_they_do_with_a_verb() -> None:
    wrong = [
        f"{where} {node.name}"
        for where, node in FUNCTIONS
        if not is_property(node) and (ast.get_docstring(node) or "-").split()[0].rstrip(",:") in NOUN_OPENING
    ]
    assert wrong == []


def test_functions_are_short() -> None:
    wrong = [
        f"{where} {node.name}"
        for where, node in FUNCTIONS
        if (node.end_lineno or 0) - node.lineno >= MAX_LINES
        if node.name not in LONGER and not node.name.endswith("_command")
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["told", "_made", "offered", "__left"])
def test_a_bare_participle_is_known(name: str) -> None:
    assert is_bare_participle(name)
    assert not is_bare_participle(f"read_{name}")
    assert not is_bare_participle("feed")
