"""The verdicts, a line for each: the change, its interval, and what would settle an open one."""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from harness.analysis.comparison import Comparison
from harness.report.figures import change_interval_text, change_value_text, percent_text
from harness.stats.verdict import Verdict

VERDICT_STYLES: Final = {
    Verdict.BETTER: "green",
    Verdict.WORSE: "red",
    Verdict.EQUIVALENT: "cyan",
    Verdict.INCONCLUSIVE: "yellow",
}


def verdict_table(comparisons: Iterable[Comparison]) -> Table:
    """Return every comparison for the terminal, below the name of its topology."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("change", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right")  # the column that is wrapped in a narrow terminal
    table.add_column("verdict", no_wrap=True)
    table.add_column("detectable", justify="right", no_wrap=True, style="dim")  # of inconclusive verdicts
    for topology, group in groupby(comparisons, key=lambda each: each.topology):
        table.add_row(Text(topology, style="bold"))
        for each in group:
            table.add_row(
                Text(f" {each.metric.title}"),
                change_value_text(each.metric, each.change),
                change_interval_text(each.metric, each.change),
                Text(each.metric.word(each.verdict), style=VERDICT_STYLES[each.verdict]),
                open_texts(each)[0],
            )
    return table


def open_texts(comparison: Comparison) -> tuple[str, str]:
    """Return the minimum detectable effect of an inconclusive comparison, and how many more rounds would probably
    settle it; two empty texts for the others."""
    if comparison.is_settled:
        return "", ""
    effect, rounds = comparison.minimum_detectable_effect, comparison.more_rounds
    if effect is None:
        return "–", "–"
    return percent_text(effect), ">1,000" if rounds is None else f"~{rounds:,}"
