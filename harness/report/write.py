"""All reports of a run, made from its folder alone."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.record import Run, RunFolderError
from harness.report.charts import write_charts
from harness.report.html.page import render_html
from harness.report.markdown import render
from harness.report.run_report import RunReport
from harness.report.tables import summary_frame, trials_frame
from harness.report.wrk import wrk_report


def write_reports(run: Run) -> RunReport:
    """Write report.md, report.html, wrk.txt, both CSV files and the charts into the run's folder; return what they say.

    All of them or none: they are made beside the old ones and then take their places. Raises RunFolderError when the
    folder can't be written.
    """
    report = RunReport(run)
    write_together(run.path, lambda fresh: _write_all(report, fresh))
    return report


def write_together(folder: Path, write: Callable[[Path], None], what: str = "the reports") -> None:
    """Have all that ``write`` makes in a folder in this one, or none of it. Raises RunFolderError when it can't be
    written; ``what`` it then names."""
    try:
        with TemporaryDirectory(dir=folder, prefix=".reports-") as fresh:
            write(Path(fresh))
            _move(Path(fresh), folder)
    except OSError as error:
        raise RunFolderError(f"{folder}: can't write {what}: {error.strerror}") from error


def _write_all(report: RunReport, folder: Path) -> None:
    run, summaries = report.run, report.summaries
    charts = write_charts(run, summaries, folder / "charts")
    _write(folder / "report.md", render(report, charts))
    _write(folder / "report.html", render_html(report))
    _write(folder / "wrk.txt", wrk_report(run))
    _write(folder / "trials.csv", trials_frame(run).to_csv(index=False))
    _write(folder / "summary.csv", summary_frame(summaries).to_csv(index=False))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _move(made: Path, folder: Path) -> None:
    """Into the folder and nowhere else: a link in the place of a file is replaced, one for a folder is refused."""
    for file in sorted(path for path in made.rglob("*") if path.is_file()):
        place = folder / file.relative_to(made)
        if place.parent.is_symlink() and place.parent != folder:
            raise RunFolderError(f"{place.parent}: is a link, and reports are written into the run's folder alone")
        place.parent.mkdir(exist_ok=True)
        os.replace(file, place)
