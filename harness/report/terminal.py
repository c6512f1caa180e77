"""The end of a comparison at the terminal: a table, the answer, and what weakens it."""

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from harness.analysis.comparison import Comparison
from harness.analysis.gates import GateResult
from harness.analysis.summary import TopologySummary
from harness.report.charts.heat_map import GridMaps, HeatCell, grid_maps
from harness.report.charts.sweep import SweepData, has_sweep, sweep_data
from harness.report.figures import gate_result_text
from harness.report.fleet import fleet_texts
from harness.report.grid import dropped_text, grid_texts
from harness.report.interleaving import interleaving_text
from harness.report.limits import usual_limit
from harness.report.malloc import malloc_text
from harness.report.markup import code, plain
from harness.report.resources import limits_text
from harness.report.run_report import RunReport
from harness.report.verdicts import VERDICT_STYLES, verdict_table
from harness.stats.verdict import Verdict
from harness.units import ms_text, rate_text, significant_decimals, size_text

GRID_LEGEND: Final = "bold best, * as good; ▲ better, ▼ worse, = equivalent, ? inconclusive, × dropped"
SHORT_NAME: Final = 16  # characters
MANY: Final = 6  # topologies: of more than these a screen has no room for every verdict


def render_terminal(report: RunReport) -> Group:
    """Return what is printed when a comparison has ended."""
    lines = [report.headline, "", *gate_lines(report.gate_results)]
    lines += [f"- {text}" for grid in report.grids for text in grid_texts(report, grid)]
    lines += [f"- {text}"] if (text := dropped_text(report)) else []
    lines += [f"- {finding.what}" for finding in report.findings]
    lines += [f"- {text}"] if (text := malloc_text(report.run.scenario)) else []
    lines += [f"- {text}"] if (text := limits_text(report.run.scenario)) else []
    lines += [f"- {interleaving_text(report.run)}"] if report.run.info.interleaving.why else []
    lines += [f"- {text}" for text in fleet_texts(report.run)]
    comparisons = select_comparisons(report)
    verdicts: list[Table | Text] = [verdict_table(comparisons), Text()] if comparisons else []
    legend = Text(GRID_LEGEND, style="dim")
    maps = [part for grid in grid_maps(report) for part in (grid_table(grid), legend, Text())]
    maps += [sweep_table(sweep_data(report)), Text()] if has_sweep(report) else []
    return Group(summary_table(report.summaries), *verdicts, *maps, Markdown("\n".join(lines)))


def select_comparisons(report: RunReport) -> list[Comparison]:
    """Return the comparisons that a screen has room for: all or, of many topologies, those by the deciding metric and
    what is worse. Cells of a grid that are behind its best have their places in its map."""
    behind = {name for grid in report.grids for name in grid.behind}
    compared = [summary for summary in report.summaries if summary.comparisons and summary.name not in behind]
    return [
        each
        for summary in compared
        for each in summary.comparisons
        if len(compared) <= MANY or each is summary.comparisons[0] or each.verdict is Verdict.WORSE
    ]


def sweep_table(data: SweepData) -> Table:
    """Return the requests/s and the p99 over each number of connections."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("connections", justify="right")
    for line in data.lines:
        table.add_column(f"{line.topology}\nrequests/s", justify="right")
        table.add_column("p99", justify="right")
    for connections in data.connections:
        points = [line.point(connections) for line in data.lines]
        cells = [
            (f"{rate_text(point.requests_per_s.value)}", ms_text(point.p99_ms)) if point else ("–", "–")
            for point in points
        ]
        table.add_row(f"{connections:,}", *(text for cell in cells for text in cell))
    return table


def gate_lines(results: Sequence[GateResult]) -> list[str]:
    """Return a line for each gate on each topology, as items of a Markdown list."""
    return [f"- {code(each.gate.text)} {plain(each.topology)} {gate_result_text(each)}" for each in results]


def grid_table(grid: GridMaps) -> Table:
    """Return the map of the deciding figure: the best cell in bold, with a star those as good."""
    heat = grid.maps[0]
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left")
    table.title = Text(f"{heat.title}, {grid.name}", style="bold")
    table.add_column(f"{grid.down} ↓ {grid.across} →")
    for column in grid.columns:
        table.add_column(column, justify="right")
    for row, cells in zip(grid.rows, heat.cells, strict=True):
        table.add_row(row, *map(_heat_text, cells))
    return table


def _heat_text(cell: HeatCell) -> Text:
    style = VERDICT_STYLES[cell.verdict] if cell.verdict else ""
    text = Text(f"{cell.text}{'*' if cell.is_near_best else ''}", style="bold" if cell.is_best else "")
    return text.append(f" {cell.mark or ' '}", style=style)


def summary_table(summaries: list[TopologySummary]) -> Table:
    """Return a table of the figures, with a row for each topology."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    # A narrow terminal shortens the bottleneck, and wraps names only where they are long: "app-1x16" in two lines is
    # read as "app-1x1".
    are_short = max(len(summary.name) for summary in summaries) <= SHORT_NAME
    table.add_column("topology", overflow="fold", no_wrap=are_short)
    for column in ("requests/s", "p50 ms", "p99 ms", "CPU ms", "memory", "errors"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("bottleneck", justify="right", overflow="ellipsis", no_wrap=not are_short)
    for summary in summaries:
        table.add_row(*_cells(summary))
    return table


def _cells(summary: TopologySummary) -> list[str]:
    if not (summary.requests_per_s and summary.latency_ms):
        return [summary.name, "not measured", *["–"] * 6]
    return [
        summary.name,
        rate_text(summary.requests_per_s.value),
        _significant(summary.latency_ms.p50),
        _significant(summary.latency_ms.p99),
        _significant(summary.cpu_ms_per_request.value) if summary.cpu_ms_per_request else "–",
        size_text(summary.memory_bytes or 0),
        f"{summary.errors.total:,}",
        usual_limit(summary).value.removesuffix("-bound"),
    ]


def _significant(milliseconds: float) -> str:
    return f"{milliseconds:,.{significant_decimals(milliseconds)}f}"
