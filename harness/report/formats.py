"""What a run comes to, in the form that was asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.report.comment import render_comment
from harness.report.machine import render_csv, render_json, render_junit
from harness.report.run_report import RunReport
from harness.report.summary import unsound

FORMATS: Final[dict[str, Callable[[RunReport], str]]] = {
    "github": render_comment,
    "markdown": lambda report: written(report.run.path / "report.md"),
    "html": lambda report: written(report.run.path / "report.html"),
    "json": lambda report: render_json(report.run, [*report.rows, *report.request_rows], report.rulings),
    "csv": lambda report: render_csv([*report.rows, *report.request_rows]),
    "junit": lambda report: render_junit(report.run.scenario, report.rulings, unsound(report.run)),
}


def written(report: Path) -> str:
    """A report that is in the run's folder."""
    return report.read_text(encoding="utf-8")
