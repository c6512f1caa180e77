"""Mermaid's own renderer draws the chart of a comment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, sync_playwright

from harness.report.comment import chart
from harness.report.run_report import RunReport
from tests.two_commits import RAW, run_of_two_commits

MERMAID: Final = Path(__file__).parents[2] / "build" / "mermaid.min.js"  # make test brings it
DRAW: Final = "text => mermaid.render('chart', text).then(drawn => drawn.svg)"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty one that has Mermaid."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<body></body>")
        page.add_script_tag(path=MERMAID)
        yield page
        browser.close()


@pytest.mark.parametrize("factor", [0.002, 0.8, 1.0, 120.0])
def test_it_is_drawn_with_a_bar_for_each_side(page: Page, tmp_path: Path, factor: float) -> None:
    run = run_of_two_commits(tmp_path, {"raw": factor}, rounds=2, topologies=(RAW,))
    svg = page.evaluate(DRAW, chart(run, RunReport(run).rows))
    assert svg.startswith("<svg")
    assert svg.count("<rect") >= 2
    assert all(name in svg for name in ("raw base", "raw head", "requests/s of made"))


def test_what_is_no_chart_is_told_by_it(page: Page) -> None:
    """So that the test above could fail."""
    with pytest.raises(Exception, match=r"(?i)parse|error"):
        page.evaluate(DRAW, "xychart-beta\n    bar [nonsense")
