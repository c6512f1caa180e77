"""All reports of a search, made from its folder alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.record import Run
from harness.report.capacity.document import render_capacity_json
from harness.report.capacity.note import render_capacity_markdown
from harness.report.charts.capacity import has_probes
from harness.report.charts.pictures import capacity
from harness.report.charts.pictures.style import house_style, save
from harness.report.html.page import render_html
from harness.report.run_report import RunReport
from harness.report.write import write_together

FILES: Final[dict[str, Callable[[RunReport], str]]] = {
    "capacity.md": render_capacity_markdown,
    "capacity.json": render_capacity_json,
    "report.html": render_html,
}


def write_capacity(run: Run) -> RunReport:
    """Write capacity.md, capacity.json, report.html and the chart into the run's folder. Return what they were rendered
    from.

    Either all are written or none. Raises RunFolderError when the folder can't be written.
    """
    report = RunReport(run)
    write_together(run.path, lambda fresh: _write_all(report, fresh))
    return report


def _write_all(report: RunReport, folder: Path) -> None:
    if has_probes(report):
        (folder / "charts").mkdir()
        with house_style():
            save(capacity.draw(report), folder / "charts" / "capacity")
    for name, render in FILES.items():
        (folder / name).write_text(render(report), encoding="utf-8")
