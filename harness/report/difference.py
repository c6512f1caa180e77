"""Two runs beside each other, in Markdown and for the terminal."""

from collections.abc import Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from harness.analysis.gates import GateResult
from harness.analysis.metric_rows import MetricComparison
from harness.record import Run
from harness.report.answer import answer
from harness.report.changes import figure_text, row_change_text, ruling_text
from harness.report.markdown import templates
from harness.report.markup import code, plain


def render_difference_markdown(
    base: Run, head: Run, warnings: Sequence[str], rows: Sequence[MetricComparison], rulings: Sequence[GateResult]
) -> str:
    """GitHub's Markdown, fit for a comment."""
    found = templates({"row_change": row_change_text})
    return found.get_template("difference.md.j2").render(
        base=base, head=head, warnings=warnings, rows=rows, rulings=rulings, answer=answer(rows)
    )


def difference_lines(warnings: Sequence[str], rows: Sequence[MetricComparison], rulings: Sequence[GateResult]) -> Group:
    """A row for each figure, and then what follows."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("", "base", "head", "change", "verdict"):
        table.add_column(column, justify="left" if column in ("", "verdict") else "right", no_wrap=True)
    for topology, group in groupby(rows, key=lambda row: row.topology):
        table.add_row(Text(topology, style="bold"))
        for row in group:
            change = row_change_text(row).partition(" (")[0]  # the interval would not fit 80 columns
            cells = figure_text(row, row.before), figure_text(row, row.after), change, row.word
            table.add_row(Text(f" {row.metric.title}"), *cells)
    said = [f"- {code(each.gate.text)} {plain(each.topology)} {ruling_text(each)}" for each in rulings]
    said += [f"- {plain(warning)}" for warning in warnings]
    return Group(table, Markdown("\n".join([answer(rows), "", *said])))
