"""All reports of a search, made from its folder alone."""

from pathlib import Path

from harness.analysis.capacity import Capacity, capacities
from harness.record import Run
from harness.report.capacity import chart
from harness.report.capacity.document import render_capacity_json
from harness.report.capacity.note import render_capacity
from harness.report.charts.style import house_style, save
from harness.report.html.page import render_html
from harness.report.run_report import RunReport
from harness.report.write import write_together


def write_capacity(run: Run) -> list[Capacity]:
    """Write capacity.md, capacity.json, report.html and the chart into the run's folder; return what they say. All of
    them or none.

    Raises RunFolderError when the folder can't be written.
    """
    found = capacities(run)
    write_together(run.path, lambda fresh: _write_all(run, found, fresh))
    return found


def _write_all(run: Run, found: list[Capacity], folder: Path) -> None:
    drawn = [each for each in found if each.probes]
    if drawn:
        (folder / "charts").mkdir()
        with house_style():
            save(chart.draw(run, drawn), folder / "charts" / "capacity")
    (folder / "capacity.md").write_text(render_capacity(run, found), encoding="utf-8")
    (folder / "capacity.json").write_text(render_capacity_json(run, found), encoding="utf-8")
    (folder / "report.html").write_text(render_html(RunReport(run)), encoding="utf-8")
