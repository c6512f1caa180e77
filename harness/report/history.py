"""The history of a scenario: a line for each run, the shifts of the level, and the limits of such a comparison."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text
from sparklines import sparklines

from harness.analysis.history.history import History, HistoryEntry, LevelShift
from harness.analysis.history.past_run import PastRun
from harness.analysis.metrics import Metric
from harness.report.figures import interval_text, ratio_text
from harness.report.history_chart import compared_entries, draw_bar, highest_end, place_points
from harness.report.markdown import load_templates
from harness.report.verdicts import VERDICT_STYLES
from harness.stats.changes import MIN_FIGURES
from harness.stats.estimate import Estimate
from harness.text import printable
from harness.units import significant_decimals

CAVEAT: Final = (
    "Each run is compared with one of another time, so whatever the machine did in between is in the difference:"
    " harness ab, which measures two commits side by side, can tell what is the commit's."
)
MARK: Final = "◆"
SHORT: Final = 7  # characters of a commit, as git has it
UNITS: Final = {
    "/s": (1, ""),
    "B": (2**20, "MiB"),
}  # by the metric's unit: the shown one. The title of a rate names its own


def render_history_terminal(histories: Sequence[History], unread: Sequence[str]) -> Group:
    """Return the histories for the terminal, within 80 columns."""
    parts: list[Text | Table] = []
    for history in histories:
        line = Text.assemble(
            f"{printable(history.scenario)}: ", (subject(history), "bold"), f"  {draw_sparkline(history)} from 0"
        )
        parts += [line, _table(history), *map(Text, level_shift_texts(history)), Text()]
    parts.append(Text(CAVEAT))
    parts += [Text(f"Not read: {printable(reason)}", style="yellow") for reason in unread]
    return Group(*parts)


def render_history_markdown(histories: Sequence[History], unread: Sequence[str]) -> str:
    """Return the histories as a Markdown document."""
    return _render("history.md.j2", histories, unread)


def render_history_html(histories: Sequence[History], unread: Sequence[str]) -> str:
    """Return the histories as one page that loads nothing. Its own content security policy allows only its style
    sheet."""
    style = files("harness.report").joinpath("templates/history.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _render("history.html.j2", histories, unread, style=style, style_sha256=digest)


def _render(template: str, histories: Sequence[History], unread: Sequence[str], **more: str) -> str:
    filters: dict[str, Callable[..., object]] = {
        "subject": subject,
        "bars": draw_bars,
        "scale": scale_text,
        "top": top_text,
        "marks": place_points,
        "link": link_of,
        "commit": commit_text,
        "figure": column_figure_text,
        "column": column_title,
        "times": ratio_text,
        "verdict": verdict_text,
        "printable": printable,
    }
    return (
        load_templates(filters)
        .get_template(template)
        .render(
            histories=histories, unread=unread, caveat=CAVEAT, mark=MARK, level_shift_texts=level_shift_texts, **more
        )
    )


def _table(history: History) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    table.add_column("began", no_wrap=True)
    table.add_column("commit", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column(column_title(history.metric), justify="right", no_wrap=True)
    table.add_column("× before", justify="right", no_wrap=True)
    table.add_column("verdict")  # the column that is wrapped in a narrow terminal
    for row in history.rows:
        is_change = history.is_change(row)
        table.add_row(
            MARK if is_change else "",
            f"{row.run.began_at:%Y-%m-%d}",
            Text(commit_text(row.run)),
            str(row.estimate.n) if row.estimate else "–",
            column_figure_text(row.estimate, history.metric),
            ratio_text(row.comparison.change) if row.comparison else "",
            Text(
                verdict_text(row, history.metric),
                style=VERDICT_STYLES[row.comparison.verdict] if row.comparison else "dim",
            ),
            style="bold" if is_change else "",
        )
    return table


def subject(history: History) -> str:
    """Return the metric and the topology of a history."""
    return f"{history.metric.title} of {history.topology}"


def draw_sparkline(history: History) -> str:
    """Return a block for each compared run, oldest first. The lowest block is zero."""
    return str(sparklines(history.figures, minimum=0)[0])


def draw_bars(history: History) -> str:
    """Return a line with a bar for each compared run, oldest first."""
    rows = compared_entries(history)
    highest = max(history.figures)
    commits = [commit_text(row.run) for row in rows]
    width = max(map(len, commits))
    return "\n".join(
        f"{MARK if history.is_change(row) else ' '} {row.run.began_at:%Y-%m-%d} {commit:<{width}}"
        f" {draw_bar(value, highest)}"
        for row, commit, value in zip(rows, commits, history.figures, strict=True)
    )


def scale_text(history: History) -> str:
    """Return ``from 0 to 1,555 /s``, the range of the picture."""
    return f"from 0 to {top_text(history)}"


def top_text(history: History) -> str:
    """Return ``1,555 /s``, the upper end of the picture."""
    scale, unit = _unit(history.metric)
    highest = highest_end(history) / scale
    return f"{highest:,.{significant_decimals(highest)}f} {unit}".rstrip()


def link_of(run: PastRun) -> str | None:
    """Return the path of the run's page, relative to where the command was run; None without one."""
    return quote(run.report.as_posix()) if run.report else None


def commit_text(run: PastRun) -> str:
    """Return ``abc1234``, with a plus where uncommitted changes were measured too."""
    if run.commit is None:
        return "unknown"
    return f"{printable(run.commit[:SHORT])}{'+' if run.is_dirty else ''}"


def verdict_text(row: HistoryEntry, metric: Metric) -> str:
    """Return the verdict in the metric's word, or the reason why there is none."""
    return metric.word(row.comparison.verdict) if row.comparison else row.mismatch or "the first"


def column_title(metric: Metric) -> str:
    """Return the metric's title, with its unit where the title does not name it."""
    _, unit = _unit(metric)
    return f"{metric.title}, {unit}" if unit else metric.title


def column_figure_text(estimate: Estimate | None, metric: Metric) -> str:
    """Return ``12.1 (11.8–12.4)``, in the column's unit."""
    if estimate is None:
        return "–"
    scale, _ = _unit(metric)
    low, high = (None if end is None else end / scale for end in (estimate.low, estimate.high))
    shown = replace(estimate, value=estimate.value / scale, low=low, high=high)
    return interval_text(shown, significant_decimals(shown.value))


def level_shift_texts(history: History) -> list[str]:
    """Return a sentence for each shift of the level, or one on why there is none."""
    runs = len(history.compared_runs)
    if runs < MIN_FIGURES:
        return [f"Changes of the level are looked for among {MIN_FIGURES} comparable runs or more; there are {runs}."]
    if not history.changes:
        return [f"The {runs} comparable runs show no change of the level."]
    return [_level_shift_text(change, history.metric) for change in history.changes]


def _level_shift_text(change: LevelShift, metric: Metric) -> str:
    scale, unit = _unit(metric)
    was, now = (f"{value / scale:,.{significant_decimals(change.now / scale)}f}" for value in (change.was, change.now))
    text = f"{metric.title} changed at {commit_text(change.at)} ({change.at.began_at:%Y-%m-%d}): {was} → {now} {unit}"
    again = change.at.commit is not None and commit_text(change.at) == commit_text(change.before)
    return f"{text.rstrip()}{', although the run before had the same commit' if again else ''}."


def _unit(metric: Metric) -> tuple[float, str]:
    """Return how many of the metric's own units one shown unit is, and its name."""
    return UNITS.get(metric.unit, (1, metric.unit))
