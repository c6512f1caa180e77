"""The renderers of each form in which a run, or the difference between two, can be printed."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.analysis.difference import RunDifference
from harness.report.comment import render_comment
from harness.report.difference import render_difference_markdown
from harness.report.machine import (
    render_csv,
    render_difference_csv,
    render_difference_json,
    render_difference_junit,
    render_json,
    render_junit,
)
from harness.report.run_report import RunReport

FORMATS: Final[dict[str, Callable[[RunReport], str]]] = {
    "github": render_comment,
    "markdown": lambda report: read_report(report.run.path / "report.md"),
    "html": lambda report: read_report(report.run.path / "report.html"),
    "json": render_json,
    "csv": render_csv,
    "junit": render_junit,
}
DIFFERENCE_FORMATS: Final[dict[str, Callable[[RunDifference], str]]] = {
    "github": render_difference_markdown,
    "markdown": render_difference_markdown,
    "json": render_difference_json,
    "csv": render_difference_csv,
    "junit": render_difference_junit,
}


def read_report(path: Path) -> str:
    """Return the text of a report that was written into the run's folder."""
    return path.read_text(encoding="utf-8")
