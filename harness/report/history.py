"""The history of a scenario: a line a run, where the level changed, and what all that is worth."""

import base64
import hashlib
import math
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
from harness.analysis.history.runs import PastRun
from harness.analysis.metrics import Metric
from harness.report.headline import ratio_text
from harness.report.history_chart import bar, compared, marks, top
from harness.report.markdown import interval_text, templates
from harness.report.verdicts import VERDICT_STYLES
from harness.stats.changes import LEAST_FIGURES
from harness.stats.estimate import Estimate
from harness.text import printable

CAVEAT: Final = (
    "Each run is compared with one of another time, so whatever the machine did in between is in the difference:"
    " harness ab, which measures two commits side by side, can tell what is the commit's."
)
MARK: Final = "◆"
SHORT: Final = 7  # characters of a commit, as git has it
DIGITS: Final = 3
UNITS: Final = {"/s": (1, ""), "B": (2**20, "MiB")}  # as figures are shown, which the title of a rate tells


def history_text(histories: Sequence[History], unread: Sequence[str]) -> Group:
    """For the terminal, within 80 columns."""
    parts: list[Text | Table] = []
    for history in histories:
        line = Text.assemble(
            f"{printable(history.scenario)}: ", (subject(history), "bold"), f"  {sparkline(history)} from 0"
        )
        parts += [line, _table(history), *(Text(told) for told in told_changes(history)), Text()]
    parts.append(Text(CAVEAT))
    parts += [Text(f"Not read: {printable(reason)}", style="yellow") for reason in unread]
    return Group(*parts)


def history_markdown(histories: Sequence[History], unread: Sequence[str]) -> str:
    """As a document."""
    return _render("history.md.j2", histories, unread)


def history_html(histories: Sequence[History], unread: Sequence[str]) -> str:
    """As a page that needs nothing else, and that its own policy allows no more than its style sheet."""
    style = files("harness.report").joinpath("templates/history.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _render("history.html.j2", histories, unread, style=style, style_sha256=digest)


def _render(template: str, histories: Sequence[History], unread: Sequence[str], **more: str) -> str:
    filters: dict[str, Callable[..., object]] = {
        "subject": subject,
        "bars": bars,
        "scale": scale_text,
        "top": top_text,
        "marks": marks,
        "link": link_of,
        "commit": commit_text,
        "figure": figure_text,
        "column": column_title,
        "times": ratio_text,
        "verdict": verdict_text,
        "printable": printable,
    }
    return (
        templates(filters)
        .get_template(template)
        .render(histories=histories, unread=unread, caveat=CAVEAT, mark=MARK, told_changes=told_changes, **more)
    )


def _table(history: History) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    table.add_column("began", no_wrap=True)
    table.add_column("commit", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column(column_title(history.metric), justify="right", no_wrap=True)
    table.add_column("× before", justify="right", no_wrap=True)
    table.add_column("verdict")  # the one that gives way where the terminal is narrow
    for row in history.rows:
        is_change = history.is_change(row)
        table.add_row(
            MARK if is_change else "",
            f"{row.run.began_at:%Y-%m-%d}",
            Text(commit_text(row.run)),
            str(row.estimate.n) if row.estimate else "–",
            figure_text(row.estimate, history.metric),
            ratio_text(row.comparison.change) if row.comparison else "",
            Text(
                verdict_text(row, history.metric),
                style=VERDICT_STYLES[row.comparison.verdict] if row.comparison else "dim",
            ),
            style="bold" if is_change else "",
        )
    return table


def subject(history: History) -> str:
    """What the figures are of."""
    return f"{history.metric.title} of {history.topology}"


def sparkline(history: History) -> str:
    """The compared runs, oldest first; the lowest block is zero."""
    return str(sparklines(history.figures, minimum=0)[0])


def bars(history: History) -> str:
    """A line for each compared run, oldest first."""
    rows = compared(history)
    highest = max(history.figures)
    commits = [commit_text(row.run) for row in rows]
    width = max(map(len, commits))
    return "\n".join(
        f"{MARK if history.is_change(row) else ' '} {row.run.began_at:%Y-%m-%d} {commit:<{width}} {bar(value, highest)}"
        for row, commit, value in zip(rows, commits, history.figures, strict=True)
    )


def scale_text(history: History) -> str:
    """``from 0 to 1,555 /s``, as the picture goes."""
    return f"from 0 to {top_text(history)}"


def top_text(history: History) -> str:
    """``1,555 /s``, up to which the picture goes."""
    scale, unit = _unit(history.metric)
    highest = top(history) / scale
    return f"{highest:,.{_decimals(highest)}f} {unit}".rstrip()


def link_of(run: PastRun) -> str | None:
    """Where its page is, from where the command was run."""
    return quote(run.report.as_posix()) if run.report else None


def commit_text(run: PastRun) -> str:
    """``abc1234``; with a plus where it was measured with uncommitted changes."""
    if run.commit is None:
        return "unknown"
    return f"{printable(run.commit[:SHORT])}{'+' if run.is_dirty else ''}"


def verdict_text(row: HistoryEntry, metric: Metric) -> str:
    """In the metric's word, or why there is none."""
    return metric.word(row.comparison.verdict) if row.comparison else row.apart or "the first"


def column_title(metric: Metric) -> str:
    """With the unit that the figures are in, where the title does not tell."""
    _, unit = _unit(metric)
    return f"{metric.title}, {unit}" if unit else metric.title


def figure_text(estimate: Estimate | None, metric: Metric) -> str:
    """``12.1 (11.8–12.4)``, in the column's unit."""
    if estimate is None:
        return "–"
    scale, _ = _unit(metric)
    low, high = (None if end is None else end / scale for end in (estimate.low, estimate.high))
    shown = replace(estimate, value=estimate.value / scale, low=low, high=high)
    return interval_text(shown, _decimals(shown.value))


def told_changes(history: History) -> list[str]:
    """Each change of the level in a sentence, or why none is told."""
    runs = len(history.compared)
    if runs < LEAST_FIGURES:
        return [f"Changes of the level are looked for among {LEAST_FIGURES} comparable runs or more; there are {runs}."]
    if not history.changes:
        return [f"The {runs} comparable runs show no change of the level."]
    return [_told(change, history.metric) for change in history.changes]


def _told(change: LevelShift, metric: Metric) -> str:
    scale, unit = _unit(metric)
    was, now = (f"{value / scale:,.{_decimals(change.now / scale)}f}" for value in (change.was, change.now))
    told = f"{metric.title} changed at {commit_text(change.at)} ({change.at.began_at:%Y-%m-%d}): {was} → {now} {unit}"
    again = change.at.commit is not None and commit_text(change.at) == commit_text(change.before)
    return f"{told.rstrip()}{', although the run before had the same commit' if again else ''}."


def _unit(metric: Metric) -> tuple[float, str]:
    """What one of them is in the metric's own, and what it is called."""
    return UNITS.get(metric.unit, (1, metric.unit))


def _decimals(value: float) -> int:
    """For three significant figures."""
    return max(0, DIGITS - 1 - math.floor(math.log10(value)))
