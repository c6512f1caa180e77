"""All reports of a run, made from its folder alone."""

from pathlib import Path

from harness.record import Run, RunFolderError
from harness.report.charts import write_charts
from harness.report.markdown import render
from harness.report.summary import TopologySummary, summarise
from harness.report.tables import summary_frame, trials_frame
from harness.report.wrk import wrk_report


def write_reports(run: Run) -> list[TopologySummary]:
    """Write report.md, wrk.txt, both CSV files and the charts into the run's folder; return what they say.

    Raises RunFolderError when the folder can't be written.
    """
    summaries = summarise(run)
    try:
        charts = write_charts(run, summaries, run.path / "charts")
        _write(run.path / "report.md", render(run, summaries, charts))
        _write(run.path / "wrk.txt", wrk_report(run))
        _write(run.path / "trials.csv", trials_frame(run).to_csv(index=False))
        _write(run.path / "summary.csv", summary_frame(summaries).to_csv(index=False))
    except OSError as error:
        raise RunFolderError(f"{run.path}: can't write the reports: {error.strerror}") from error
    return summaries


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
