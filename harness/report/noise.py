"""The noise floor in words: how much two measurements of the same thing differ here, and what could be told from it."""

from collections.abc import Iterator
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from harness.analysis.comparison import compare_topologies
from harness.analysis.metrics import metrics_of
from harness.record import NoiseFloor, Run
from harness.report.headline import ratio_text
from harness.report.verdicts import percent_text
from harness.stats.power import detectable
from harness.stats.sequential import InterimLooks
from harness.stats.verdict import SINGLE_LEVEL

MINUTES: Final = (1, 3, 10, 30)
LEAST_ROUNDS: Final = 3  # with fewer, next to nothing can be told from no difference


def noise_report(run: Run, floor: NoiseFloor) -> Group:
    """What ``harness aa`` prints: the scatter of each metric, and the smallest effect to be seen in so many minutes."""
    comparisons = compare_topologies(run.scenario, InterimLooks(run.info.looks), run.records)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("metric", no_wrap=True)
    for column in ("× itself", "equal\npace", "scatter", *(f"{minutes} min" for minutes in MINUTES)):
        table.add_column(column, justify="right", no_wrap=True)
    for metric in metrics_of(run.scenario):
        if metric.name in floor.scatter:
            comparison = next(each for each in comparisons.values() if each.metric.name == metric.name)
            scatter, at_equal_pace = floor.scatter[metric.name], floor.scatter_at_equal_pace.get(metric.name)
            table.add_row(
                Text(metric.title),
                ratio_text(comparison.change),
                "–" if at_equal_pace is None else percent_text(at_equal_pace),
                percent_text(scatter),
                *detectable_texts(floor, scatter),
            )
    text = (
        f"Each round measured `{run.scenario.baseline.name}` twice. *Scatter* is the standard deviation of the"
        f" difference within a round, over {floor.rounds} rounds; *equal pace* what is left of it when the speed of"
        " the cores is taken out, as it is between equally many workers. The last columns are the smallest difference"
        " that a cluster of another size would show nine times out of ten, after so many minutes."
    )
    return Group(table, Markdown(text))


def detectable_texts(floor: NoiseFloor, scatter: float) -> Iterator[str]:
    """The smallest effect to be seen after each of the minutes."""
    for minutes in MINUTES:
        rounds = int(minutes * 60 / floor.block_s)
        yield "–" if rounds < LEAST_ROUNDS else percent_text(detectable(scatter, rounds, SINGLE_LEVEL))
