"""The answer on two commits, or two runs, in Markdown: what got worse first, then what got better."""

from collections.abc import Iterator, Sequence

from harness.analysis.change_summary import ChangeSummary
from harness.analysis.metric_rows import MetricComparison
from harness.report.figures import change_text, figure_text
from harness.report.markup import plain
from harness.stats.verdict import Verdict


def render_answer(rows: Sequence[MetricComparison]) -> str:
    """Return a sentence in bold, and the figures behind it, topology by topology."""
    found = ChangeSummary.of(rows)
    said = " ".join(
        _topology_sentence(name, found) for name in dict.fromkeys(row.topology for row in rows if row.baseline)
    )
    return f"**{_summary(found)}** {said}".rstrip()


def _summary(found: ChangeSummary) -> str:
    """Return the conclusion from all metrics. It names each metric that it is about."""
    if not found.has_verdicts:
        return "Not measured."
    parts = []
    if found.unlike:
        parts.append(f"The responses are not of the same size{_topologies_suffix(found.unlike, found)}.")
    if found.worse:
        parts.append(f"Worse: {_metric_names(found.worse, found)}.")
    if found.better:
        parts.append(f"Better: {_metric_names(found.better, found)}.")
    if not parts and found.same and not found.open:
        return f"No difference that matters{_same_suffix(found)}."
    if not parts and found.is_as_fast:
        parts.append(f"No difference that matters in {_metric_names(found.same, found)}.")
    if found.open:
        parts.append(f"Can't tell: {_metric_names(found.open, found)}.")
    if found.unmeasured:
        parts.append(f"Not measured: {_metric_names(found.unmeasured, found)}.")
    return " ".join(parts)


def _same_suffix(found: ChangeSummary) -> str:
    if not found.unmeasured:
        return ""
    return f" in {_metric_names(found.same, found)}; not measured: {_metric_names(found.unmeasured, found)}"


def _metric_names(rows: Sequence[MetricComparison], found: ChangeSummary) -> str:
    """Return the metrics, each with its topologies where these are not all of them."""
    titles = dict.fromkeys(row.metric.title for row in rows)
    of = {title: [row for row in rows if row.metric.title == title] for title in titles}
    return ", ".join(plain(title) + _topologies_suffix(those, found) for title, those in of.items())


def _topologies_suffix(rows: Sequence[MetricComparison], found: ChangeSummary) -> str:
    those = dict.fromkeys(row.topology for row in rows)
    return "" if len(those) == len(_topologies(found)) else f" ({', '.join(those)})"


def _topologies(found: ChangeSummary) -> set[str]:
    groups = (found.unlike, found.worse, found.better, found.open, found.same, found.unmeasured)
    return {row.topology for group in groups for row in group}


def _topology_sentence(name: str, found: ChangeSummary) -> str:
    parts = list(_phrases(name, found))
    return f"`{name}`: {'; '.join(parts)}." if parts else ""


def _phrases(name: str, found: ChangeSummary) -> Iterator[str]:
    listed = {*found.worse, *found.better, *found.unlike}
    for row in found.failing:
        if row.topology == name and row not in listed:
            yield f"errors {figure_text(row, row.before)} before and {figure_text(row, row.after)} after"
    for group in (found.unlike, found.worse, found.better, found.open):
        for row in group:
            if row.topology == name:
                yield f"{plain(row.metric.title)} {_change_phrase(row)}{_open_reason(row, found)}"


def _change_phrase(row: MetricComparison) -> str:
    """Return both figures of a row and its change."""
    return f"{figure_text(row, row.before)} → {figure_text(row, row.after)}, {change_text(row.metric, row.change)}"


def _open_reason(row: MetricComparison, found: ChangeSummary) -> str:
    """Return why a row is open, or which change would have been detected."""
    if row in found.open and row.verdict is Verdict.BETTER:
        return " (of responses of which more are errors)"
    if row.comparison is None or row.comparison.is_settled or row.comparison.minimum_detectable_effect is None:
        return ""
    return f" (a change of {100 * row.comparison.minimum_detectable_effect:.1f} % would have shown)"
