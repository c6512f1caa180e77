"""The noise floor in words: how much two measurements of the same thing differ, and which differences can be
detected."""

from collections.abc import Iterator
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from harness.analysis.metrics import metrics_of
from harness.analysis.run import RunAnalysis
from harness.record import NoiseFloor
from harness.report.figures import percent_text, ratio_text
from harness.report.interleaving import scatter_texts
from harness.report.malloc import malloc_text
from harness.scenario import Scenario
from harness.stats.power import detectable_difference
from harness.stats.verdict import share_level

MINUTES: Final = (1, 3, 10, 30)
MIN_ROUNDS: Final = 3  # with fewer, hardly any difference can be detected


def render_noise_terminal(analysis: RunAnalysis, floor: NoiseFloor) -> Group:
    """Return what ``harness aa`` prints: the scatter of each metric, and the minimum detectable effect after some
    minutes."""
    scenario, comparisons = analysis.run.scenario, analysis.comparisons
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("metric", no_wrap=True)
    for column in ("× itself", "equal\nspeed", "scatter", *(f"{minutes} min" for minutes in MINUTES)):
        table.add_column(column, justify="right", no_wrap=True)
    judged = metrics_of(scenario)
    names = [metric.name for metric in judged]
    levels = share_level(names, names[:1], names)  # where clusters are compared, the first decides
    for metric in judged:
        if metric.name in floor.scatter:
            comparison = next(each for each in comparisons.values() if each.metric.name == metric.name)
            scatter, at_equal_pace = floor.scatter[metric.name], floor.scatter_at_equal_pace.get(metric.name)
            table.add_row(
                Text(metric.title),
                ratio_text(comparison.change),
                "–" if at_equal_pace is None else percent_text(at_equal_pace),
                percent_text(scatter),
                *detectable_texts(floor, scatter, levels[metric.name]),
            )
    text = (
        f"Each round measured `{scenario.baseline.title}` twice, {_where(scenario)}. *Scatter* is the standard"
        f" deviation of the difference within a round, over {floor.rounds} rounds; *equal speed* what is left of it"
        " when the speed of the cores is taken out, as it is between equally many workers. The last columns are the"
        " smallest difference that a cluster of another size would show nine times out of ten, after so many minutes."
        f" {malloc_text(scenario)}"
    )
    return Group(table, Markdown("\n\n".join([text, *scatter_texts(analysis)])))


def _where(scenario: Scenario) -> str:
    if scenario.is_of_two_commits:
        return "from two checkouts, as two commits are, of which one has a comment more in each source file"
    return "in one folder, so that two commits may scatter more"


def detectable_texts(floor: NoiseFloor, scatter: float, level: float) -> Iterator[str]:
    """Yield the minimum detectable effect at this level after each number of minutes."""
    for minutes in MINUTES:
        rounds = int(minutes * 60 / floor.block_s)
        yield "–" if rounds < MIN_ROUNDS else percent_text(detectable_difference(scatter, rounds, level))
