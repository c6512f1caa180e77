"""What the documents name exists."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
RELIABILITY: Final = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TESTS: Final = sorted(set(re.findall(r"`(tests/\S+?)`", RELIABILITY)))


@pytest.mark.parametrize("named", TESTS)
def test_a_test_that_keeps_a_promise_exists(named: str) -> None:
    file, _, function = named.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert not function or function in functions


def test_every_promise_names_what_keeps_it() -> None:
    rows = [line for line in RELIABILITY.splitlines() if line.startswith("| ") and "---" not in line]
    headings = [row for row in rows if row.endswith("kept by |")]
    assert all("`tests/" in row for row in rows if row not in headings)
    assert len(rows) - len(headings) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    wrong = []
    for file, heading in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8")):
        target = page.parent / file if file else page
        if not target.exists() or (heading and heading not in anchors(target)):
            wrong.append(f"{file}#{heading}")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_are_named_exist(page: Path) -> None:
    names = re.findall(r"`((?:harness|tests|bench|servers)(?:[./]\w+)+/?)`", page.read_text(encoding="utf-8"))
    wrong = [name for name in names if "NAME" not in name and not is_there(name)]
    assert wrong == []


def test_the_architecture_names_what_the_code_has() -> None:
    """Files and modules, and functions and classes by their names."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert len(re.findall(r"`harness/[\w/]+\.py`", text)) > 40
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "harness").rglob("*.py"))
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    words = set(re.findall(r"\w+", code + tests))
    names = {part for name in re.findall(r"`(\w+(?:\.\w+)?)(?:\(\))?`", text) for part in name.split(".")}
    assert {name for name in names - words if "NAME" not in name} <= {"large", "large_share"}  # the example's


def test_the_architecture_has_the_layers_of_the_linter() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert "\n".join(f"    {layer.replace(' :', ',')}" for layer in layers) in text


def test_the_glossary_is_short_and_in_order() -> None:
    terms = re.findall(r"^## (.+)$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert terms == sorted(terms, key=str.casefold)
    assert len(terms) <= 25


def anchors(page: Path) -> set[str]:
    """Return the anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_there(name: str) -> bool:
    """Check whether it is a file or a folder (``harness/cli/ab.py``), or a module or a name of a package."""
    path = ROOT / name if "/" in name else ROOT / name.replace(".", "/")
    package = path.parent / "__init__.py"
    return (
        path.exists()
        or path.with_suffix(".py").exists()
        or ("/" not in name and package.exists() and path.name in package.read_text(encoding="utf-8"))
    )
