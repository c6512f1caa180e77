"""The report of a run at its end, in the form that was asked for.

This brings pandas, Matplotlib and Bokeh, seconds of imports: it is imported once there is something to report.
"""

import os

import typer
from rich.console import Console

from harness.cli.options import Format
from harness.cli.outcome import capacity_exit_code, exit_code
from harness.record import Run
from harness.report.capacity.note import render_capacity_terminal
from harness.report.capacity.write import write_capacity
from harness.report.formats import FORMATS
from harness.report.terminal import render_terminal
from harness.report.write import write_reports


def report_run(console: Console, run: Run, form: Format) -> int:
    """Write the reports of a run, print what it comes to, and return the exit code. Raises RunFolderError."""
    report = write_reports(run)
    if form is Format.TEXT:
        console.print(render_terminal(report))
    else:
        text = FORMATS[form](report)
        typer.echo(text, nl=False)
        if form is Format.GITHUB:
            _write_step_summary(text)
    print_places(console, run)
    return exit_code(run, report.gate_results)


def report_capacity(console: Console, run: Run) -> int:
    """Write the reports of a search, print what it comes to, and return the exit code. Raises RunFolderError."""
    report = write_capacity(run)
    console.print(render_capacity_terminal(report))
    print_places(console, run, "capacity.md")
    return capacity_exit_code(run, report.capacities)


def print_places(console: Console, run: Run, report: str = "report.md") -> None:
    """Print where the report is and, where trials do not count, what their servers wrote."""
    console.print(f"Report: {run.path / report}", markup=False, highlight=False, soft_wrap=True)
    if any(record.status != "ok" for record in run.records):
        console.print(f"Logs: {run.path / 'logs'}", markup=False, highlight=False, soft_wrap=True)


def _write_step_summary(text: str) -> None:
    """Write it where GitHub Actions shows it as the summary of the job."""
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a", encoding="utf-8") as file:
            file.write(text)
