"""``report.html``: the answer first, then what weakens it, the tables, the charts and every trial, in one file."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from bokeh.resources import Resources
from jinja2.utils import htmlsafe_json_dumps
from markdown_it import MarkdownIt
from markupsafe import Markup

from harness.analysis.metrics import metrics_of
from harness.record import Run
from harness.report.charts.style import COLOURS
from harness.report.html.charts import draw_charts
from harness.report.html.charts.embed import embedded
from harness.report.html.charts.style import Chart, looks
from harness.report.html.palette import SHADES
from harness.report.html.policy import content_security_policy
from harness.report.html.trials import trial_rows
from harness.report.markdown import facts, templates
from harness.report.summary import TopologySummary

ASSETS: Final = files("harness.report.html") / "assets"
MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink"])


@dataclass(frozen=True)
class Mark:
    """How a topology is marked in tables, as in the charts: a colour by number, and the name of a shape."""

    colour: int
    shape: str


def render_html(run: Run, summaries: list[TopologySummary]) -> str:
    """The report as one page that needs nothing but itself."""
    charts = draw_charts(run, summaries)
    scripts = list(_scripts(bool(charts)))
    return PAGE.render(
        facts(run, summaries),
        policy=content_security_policy(scripts),
        scripts=[Markup(script) for script in scripts],
        style=Markup(_asset("report.css")),
        shades=SHADES,
        metrics=metrics_of(run.scenario.load),
        trials=list(trial_rows(run)),
        marks=_marks(summaries),
        charts=charts,
        drawing=_drawing(charts),
    )


def _drawing(charts: dict[str, Chart]) -> Markup:
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


def _marks(summaries: list[TopologySummary]) -> dict[str, Mark]:
    """Of the topologies that are in the charts, by name."""
    measured = [summary.name for summary in summaries if summary.trials]
    return {name: Mark(index % len(COLOURS), looks(index).marker) for index, name in enumerate(measured)}


def _inline(text: str) -> Markup:
    """Markdown within a sentence; HTML in it is shown as text."""
    return Markup(MARKDOWN.renderInline(str(text)))


def _blocks(text: str) -> Markup:
    """Markdown with its paragraphs and lists; HTML in it is shown as text."""
    return Markup(MARKDOWN.render(str(text)))


PAGE: Final = templates({"markdown": _inline, "markdown_blocks": _blocks}).get_template("report.html.j2")
