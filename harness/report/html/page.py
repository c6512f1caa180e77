"""``report.html``: the answer first, then what weakens it, the tables, the charts and every trial, in one file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from bokeh.resources import Resources
from jinja2.utils import htmlsafe_json_dumps
from markdown_it import MarkdownIt
from markupsafe import Markup

from harness.analysis.capacity import capacities
from harness.analysis.metrics import metrics_of
from harness.record import Run
from harness.report.capacity.note import answers, broken_first, price_text, rate_interval
from harness.report.charts.style import COLOURS
from harness.report.html.charts import draw_charts
from harness.report.html.charts.embed import embedded
from harness.report.html.charts.style import Chart, looks
from harness.report.html.palette import SHADES
from harness.report.html.policy import content_security_policy
from harness.report.html.size_budget import Told, told
from harness.report.html.trials import TrialRow, trial_rows
from harness.report.markdown import facts, templates
from harness.report.run_report import RunReport
from harness.report.summary import TopologySummary

MOST_BYTES: Final = 2_000_000  # so that a page can be sent, and opens at once
FOR_NOTES: Final = 1_000  # bytes
LEAST_FOR_TRIALS: Final = 100_000  # bytes
NOTHING: Final = Told([], 0, 0)
ASSETS: Final = files("harness.report.html") / "assets"
MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink"])


@dataclass(frozen=True)
class TopologyMark:
    """How a topology is marked in tables, as in the charts: a colour by number, and the name of a shape."""

    colour: int
    shape: str


def render_html(report: RunReport) -> str:
    """The report as one page that needs nothing but itself, of MOST_BYTES at most: charts that leave no room for trials
    are left to the pictures, and of the trials there is as much as fits. What it leaves out, the page says. The
    tables of as many topologies as there may be leave room for some."""
    run, summaries = report.run, report.summaries
    marks = _marks(summaries)
    known = facts(report) | {
        "style": Markup(_asset("report.css")),
        "shades": SHADES,
        "metrics": metrics_of(run.scenario),
        "most_bytes": MOST_BYTES,
        **_found(run),
        "marks": marks,
        **_drawn(draw_charts(run, summaries)),
    }
    if _room(known) < LEAST_FOR_TRIALS:
        known |= _drawn({})

    def html(row: TrialRow, is_whole: bool) -> Markup:
        return Markup(TRIAL.render(row=row, is_whole=is_whole, marks=marks))

    return PAGE.render(known, told=told(trial_rows(run), html, _room(known)))


def _found(run: Run) -> dict[str, object]:
    """What a search for the capacity has found, which is then the answer of the page."""
    if not run.is_search:
        return {"capacities": []}
    found = capacities(run)
    return {
        "capacities": found,
        "question": f"how many requests/s with {' and '.join(each.text for each in run.info.objectives)}?",
        "headline": " ".join(answers(run, found)),
    }


def _room(known: Mapping[str, object]) -> int:
    """How many bytes of trials may be added to the page, less what it then says of them."""
    return MOST_BYTES - FOR_NOTES - len(PAGE.render(known, told=NOTHING).encode())


def _drawn(charts: Mapping[str, Chart]) -> dict[str, object]:
    """The charts, the scripts that draw them, and what these are allowed."""
    scripts = list(_scripts(bool(charts)))
    return {
        "charts": charts,
        "drawing": _drawing(charts),
        "scripts": [Markup(script) for script in scripts],
        "policy": content_security_policy(scripts),
    }


def _drawing(charts: Mapping[str, Chart]) -> Markup:
    """What the script draws, as JSON that ends no script element."""
    return htmlsafe_json_dumps(
        {
            "items": [embedded(name, chart) for name, chart in charts.items()],
            "shades": [[shade.light, shade.dark] for shade in SHADES.values()],
        },
        separators=(",", ":"),
    )


def _scripts(has_charts: bool) -> Iterator[str]:
    if has_charts:
        yield Resources(mode="inline", components=["bokeh"]).js_raw[0]
    yield _asset("report.js")


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _marks(summaries: list[TopologySummary]) -> dict[str, TopologyMark]:
    """Of the topologies that are in the charts, by name."""
    measured = [summary.name for summary in summaries if summary.trials]
    return {name: TopologyMark(index % len(COLOURS), looks(index).marker) for index, name in enumerate(measured)}


def _inline(text: str) -> Markup:
    """Markdown within a sentence; HTML in it is shown as text."""
    return Markup(MARKDOWN.renderInline(str(text)))


def _blocks(text: str) -> Markup:
    """Markdown with its paragraphs and lists; HTML in it is shown as text."""
    return Markup(MARKDOWN.render(str(text)))


TEMPLATES: Final = templates(
    {
        "markdown": _inline,
        "markdown_blocks": _blocks,
        "carried": rate_interval,
        "price": price_text,
        "broken_first": broken_first,
    }
)
PAGE: Final = TEMPLATES.get_template("report.html.j2")
TRIAL: Final = TEMPLATES.get_template("trial.html.j2")
