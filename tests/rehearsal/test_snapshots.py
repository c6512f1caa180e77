"""What is printed of rehearsed runs, in every form: exactly the snapshots. ``python -m tests.rehearsal --renew`` keeps
what is printed now; read the difference before it is committed."""

import sys
import tempfile
from pathlib import Path

import pytest

from tests.rehearsal.__main__ import read_snapshots
from tests.rehearsal.forms import MAKERS, Texts, make_all, normalise, visible_text

SNAPSHOTS = read_snapshots()


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """All that is printed now."""
    return make_all(tmp_path_factory.mktemp("rehearsal"))


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_each_form_is_as_its_snapshot(texts: Texts, name: str) -> None:
    assert texts[name] == SNAPSHOTS[name]


def test_each_form_has_a_snapshot(texts: Texts) -> None:
    assert sorted(texts) == sorted(SNAPSHOTS)
    assert {name.partition("/")[0] for name in texts} == set(MAKERS)


def test_no_path_of_this_machine_is_in_a_snapshot() -> None:
    paths = (sys.executable, tempfile.gettempdir())
    assert [path for path in paths for text in SNAPSHOTS.values() if path in text] == []


def test_long_numbers_are_cut_and_folders_named_alike(tmp_path: Path) -> None:
    text = f"{tmp_path}/x 0.30000000000000004 12.5 1.0000000000000002e-07  \n"
    assert normalise(text, tmp_path) == "/rehearsal/x 0.3 12.5 1e-07\n"


def test_the_text_of_a_page_has_a_line_for_a_row() -> None:
    page = "<style>p {}</style><h1>One <b>two</b></h1><table><tr><th>a<td><p>b</p> c</table><script>x</script>end"
    assert visible_text(page) == "One two\n| a | b c\nend"
