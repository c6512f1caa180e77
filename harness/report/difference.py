"""Two runs beside each other, in Markdown and for the terminal."""

from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from harness.analysis.difference import RunDifference
from harness.report.answer import render_answer
from harness.report.figures import figure_text, row_change_text
from harness.report.markdown import load_templates
from harness.report.markup import plain
from harness.report.terminal import gate_lines


def render_difference_markdown(difference: RunDifference) -> str:
    """Return the difference as GitHub's Markdown, short enough for a comment."""
    template = load_templates({"row_change": row_change_text}).get_template("difference.md.j2")
    return template.render(difference=difference, answer=render_answer(difference.rows))


def render_difference_terminal(difference: RunDifference) -> Group:
    """Return a table with a row for each figure, then the answer, the gates and the warnings."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("", "base", "head", "change", "verdict"):
        table.add_column(column, justify="left" if column in ("", "verdict") else "right", no_wrap=True)
    for topology, group in groupby(difference.rows, key=lambda row: row.topology):
        table.add_row(Text(topology, style="bold"))
        for row in group:
            change = row_change_text(row).partition(" (")[0]  # the interval would not fit 80 columns
            cells = figure_text(row, row.before), figure_text(row, row.after), change, row.word
            table.add_row(Text(f" {row.metric.title}"), *cells)
    lines = [render_answer(difference.rows), "", *gate_lines(difference.gate_results)]
    lines += [f"- {plain(warning)}" for warning in difference.warnings]
    return Group(table, Markdown("\n".join(lines)))
