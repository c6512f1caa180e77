"""All reports of a run, made from its folder alone."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from harness.record import Run, RunFolderError
from harness.report.charts.pictures import write_charts
from harness.report.html.page import render_html
from harness.report.markdown import render_markdown
from harness.report.run_report import RunReport
from harness.report.tables import render_summary_csv, render_trials_csv
from harness.report.wrk import render_wrk

FILES: Final[dict[str, Callable[[RunReport], str]]] = {
    "report.md": render_markdown,
    "report.html": render_html,
    "wrk.txt": render_wrk,
    "trials.csv": render_trials_csv,
    "summary.csv": render_summary_csv,
}


def write_reports(run: Run) -> RunReport:
    """Write report.md, report.html, wrk.txt, both CSV files and the charts into the run's folder. Return what they were
    rendered from.

    Either all are written or none: they are made in a folder of their own and then moved to their places. Raises
    RunFolderError when the folder can't be written.
    """
    report = RunReport(run)
    write_together(run.path, lambda fresh: _write_all(report, fresh))
    return report


def write_together(folder: Path, write: Callable[[Path], None], what: str = "the reports") -> None:
    """Move all files that ``write`` makes in a temporary folder into ``folder``, or none of them.

    Raises RunFolderError when it can't be written; ``what`` names the files in its message.
    """
    try:
        with TemporaryDirectory(dir=folder, prefix=".reports-") as fresh:
            write(Path(fresh))
            _move(Path(fresh), folder)
    except OSError as error:
        raise RunFolderError(f"{folder}: can't write {what}: {error.strerror}") from error


def _write_all(report: RunReport, folder: Path) -> None:
    write_charts(report, folder / "charts")
    for name, render in FILES.items():
        (folder / name).write_text(render(report), encoding="utf-8")


def _move(made: Path, folder: Path) -> None:
    """Move the files into the folder and nowhere else. A link in the place of a file is replaced, one for a folder is
    refused."""
    for file in sorted(path for path in made.rglob("*") if path.is_file()):
        place = folder / file.relative_to(made)
        if place.parent.is_symlink() and place.parent != folder:
            raise RunFolderError(f"{place.parent}: is a link, and reports are written into the run's folder alone")
        place.parent.mkdir(exist_ok=True)
        os.replace(file, place)
