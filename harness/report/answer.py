"""What changed between two commits, or two runs, in Markdown: what got worse first, then what got better."""

from collections.abc import Iterator, Sequence

from harness.analysis.change_summary import ChangeSummary
from harness.analysis.metric_rows import MetricComparison
from harness.report.changes import change_text, figure_text
from harness.report.markup import plain
from harness.stats.verdict import Verdict


def answer(rows: Sequence[MetricComparison]) -> str:
    """Return a sentence in bold, and what stands behind it, topology by topology."""
    found = ChangeSummary.of(rows)
    said = " ".join(_of_topology(name, found) for name in dict.fromkeys(row.topology for row in rows if row.baseline))
    return f"**{_summary(found)}** {said}".rstrip()


def _summary(found: ChangeSummary) -> str:
    """Return what follows: no word of it stands for a metric that it does not name."""
    if not found.has_verdicts:
        return "Not measured."
    parts = []
    if found.unlike:
        parts.append(f"The responses are not of the same size{_where(found.unlike, found)}.")
    if found.worse:
        parts.append(f"Worse: {_named(found.worse, found)}.")
    if found.better:
        parts.append(f"Better: {_named(found.better, found)}.")
    if not parts and found.same and not found.open:
        return f"No difference that matters{_only_in(found)}."
    if found.open:
        parts.append(f"Can't tell: {_named(found.open, found)}.")
    if found.unmeasured:
        parts.append(f"Not measured: {_named(found.unmeasured, found)}.")
    return " ".join(parts)


def _only_in(found: ChangeSummary) -> str:
    if not found.unmeasured:
        return ""
    return f" in {_named(found.same, found)}; not measured: {_named(found.unmeasured, found)}"


def _named(rows: Sequence[MetricComparison], found: ChangeSummary) -> str:
    """Return the metrics, and of which topologies where it is not all of them."""
    titles = dict.fromkeys(row.metric.title for row in rows)
    of = {title: [row for row in rows if row.metric.title == title] for title in titles}
    return ", ".join(plain(title) + _where(those, found) for title, those in of.items())


def _where(rows: Sequence[MetricComparison], found: ChangeSummary) -> str:
    those = dict.fromkeys(row.topology for row in rows)
    return "" if len(those) == len(_topologies(found)) else f" ({', '.join(those)})"


def _topologies(found: ChangeSummary) -> set[str]:
    groups = (found.unlike, found.worse, found.better, found.open, found.same, found.unmeasured)
    return {row.topology for group in groups for row in group}


def _of_topology(name: str, found: ChangeSummary) -> str:
    parts = list(_parts(name, found))
    return f"`{name}`: {'; '.join(parts)}." if parts else ""


def _parts(name: str, found: ChangeSummary) -> Iterator[str]:
    told = {*found.worse, *found.better, *found.unlike}
    for row in found.failing:
        if row.topology == name and row not in told:
            yield f"errors {figure_text(row, row.before)} before and {figure_text(row, row.after)} after"
    for group in (found.unlike, found.worse, found.better, found.open):
        for row in group:
            if row.topology == name:
                yield f"{plain(row.metric.title)} {_changed(row)}{_open(row, found)}"


def _changed(row: MetricComparison) -> str:
    return f"{figure_text(row, row.before)} → {figure_text(row, row.after)}, {change_text(row.metric, row.change)}"


def _open(row: MetricComparison, found: ChangeSummary) -> str:
    """Return why it can't be told, or how much it would have taken."""
    if row in found.open and row.verdict is Verdict.BETTER:
        return " (of responses of which more are errors)"
    if row.comparison is None or row.comparison.is_settled or row.comparison.smallest_effect is None:
        return ""
    return f" (a change of {100 * row.comparison.smallest_effect:.1f} % would have shown)"
