"""What the documents name exists."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
RELIABILITY: Final = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
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


@pytest.mark.parametrize(
    "page", sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]), ids=lambda page: page.name
)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+?)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
