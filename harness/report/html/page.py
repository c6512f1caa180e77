"""``report.html``: the answer first, then what weakens it, the tables, the charts and every trial, in one file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from bokeh.resources import Resources
from jinja2.utils import htmlsafe_json_dumps
from markdown_it import MarkdownIt
from markupsafe import Markup

from harness.analysis.metrics import metrics_of
from harness.analysis.summary import TopologySummary
from harness.report.capacity.note import answers, broken_first, objective_cost_text, rate_interval
from harness.report.charts.style import COLOURS, line_style
from harness.report.html.charts import draw_charts
from harness.report.html.charts.embed import chart_json
from harness.report.html.charts.style import Chart, glyph_style
from harness.report.html.palette import SHADES
from harness.report.html.policy import content_security_policy
from harness.report.html.size_budget import ListedTrials, fit_trials
from harness.report.html.trials import TrialRow, trial_rows
from harness.report.markdown import collect_facts, load_templates
from harness.report.run_report import RunReport

MAX_BYTES: Final = 2_000_000  # so that a page can be sent, and opens at once
NOTES_BYTES: Final = 1_000  # for what the page says of trials that it leaves out
MIN_TRIALS_BYTES: Final = 100_000
NO_TRIALS: Final = ListedTrials([], 0, 0)
ASSETS: Final = files("harness.report.html") / "assets"
MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink"])


@dataclass(frozen=True)
class TopologyMark:
    """The mark of a topology in tables, as in the charts: a colour by number, and the name of a shape."""

    colour: int
    shape: str


def render_html(report: RunReport) -> str:
    """Return the report as one page that needs nothing but itself, of MAX_BYTES at most.

    Charts that leave no room for trials are left to the pictures, and of the trials there is as much as fits. The page
    says what it leaves out. The tables leave room for some trials, of however many topologies they are.
    """
    run, summaries = report.run, report.summaries
    marks = _marks(summaries)
    known = collect_facts(report) | {
        "style": Markup(_asset("report.css")),
        "shades": SHADES,
        "metrics": metrics_of(run.scenario),
        "max_bytes": MAX_BYTES,
        **_capacity_facts(report),
        "marks": marks,
        **_chart_facts(draw_charts(report)),
    }
    if _free_bytes(known) < MIN_TRIALS_BYTES:
        known |= _chart_facts({})

    def html(row: TrialRow, is_whole: bool) -> Markup:
        return Markup(TRIAL.render(row=row, is_whole=is_whole, marks=marks))

    return PAGE.render(known, listed=fit_trials(trial_rows(run), html, _free_bytes(known)))


def _capacity_facts(report: RunReport) -> dict[str, object]:
    """Return what a search for the capacity has found, which is then the answer of the page."""
    run = report.run
    if not run.is_search:
        return {"capacities": []}
    return {
        "capacities": report.capacities,
        "question": f"how many requests/s with {' and '.join(each.text for each in run.info.objectives)}?",
        "headline": " ".join(answers(run, report.capacities)),
    }


def _free_bytes(known: Mapping[str, object]) -> int:
    """Return how many bytes of trials may be added to the page, less what it then says of them."""
    return MAX_BYTES - NOTES_BYTES - len(PAGE.render(known, listed=NO_TRIALS).encode())


def _chart_facts(charts: Mapping[str, Chart]) -> dict[str, object]:
    """Return the charts, the scripts that draw them, and the policy that lets these run."""
    scripts = list(_scripts(bool(charts)))
    return {
        "charts": charts,
        "drawing": _drawing_json(charts),
        "scripts": [Markup(script) for script in scripts],
        "policy": content_security_policy(scripts),
    }


def _drawing_json(charts: Mapping[str, Chart]) -> Markup:
    """Return what the script draws, as JSON that ends no script element."""
    return htmlsafe_json_dumps(
        {
            "items": [chart_json(name, chart) for name, chart in charts.items()],
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
    """Return the marks of the topologies that are in the charts, by name."""
    measured = [summary.name for summary in summaries if summary.trials]
    return {
        name: TopologyMark(index % len(COLOURS), glyph_style(line_style(index)).marker)
        for index, name in enumerate(measured)
    }


def _inline(text: str) -> Markup:
    """Render Markdown within a sentence; HTML in it is shown as text."""
    return Markup(MARKDOWN.renderInline(str(text)))


def _blocks(text: str) -> Markup:
    """Render Markdown with its paragraphs and lists; HTML in it is shown as text."""
    return Markup(MARKDOWN.render(str(text)))


TEMPLATES: Final = load_templates(
    {
        "markdown": _inline,
        "markdown_blocks": _blocks,
        "carried": rate_interval,
        "objective_cost": objective_cost_text,
        "broken_first": broken_first,
    }
)
PAGE: Final = TEMPLATES.get_template("report.html.j2")
TRIAL: Final = TEMPLATES.get_template("trial.html.j2")
