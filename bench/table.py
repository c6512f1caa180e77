"""The rows as tables, for the terminal and for the Markdown file."""

from collections import Counter
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Final

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined
from rich.box import MARKDOWN
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.summary import Ratio, Row
from bench.tools import Tool

DASH: Final = "–"
FIGURES: Final = (
    "CPU µs/request",
    "÷ wrk",
    "min–max",
    "requests/s",
    "÷ wrk",
    "p50 ms",
    "p99 ms",
    "errors",
)


def table(rows: Sequence[Row]) -> Table:
    """What was measured on one target."""
    shown = _empty("tool", "version", right=FIGURES)
    for row in rows:
        shown.add_row(escape(row.tool), escape(row.version), *_figures(row))
    return shown


def tool_table(tools: Sequence[Tool]) -> Table:
    """How the tools were called and what their percentiles mean."""
    shown = _empty("tool", "called as", "its p50 and p99")
    for tool in tools:
        shown.add_row(tool.name, escape(f"`{tool.command}`"), tool.latency)
    return shown


def failures(rows: Sequence[Row]) -> list[str]:
    """A line for each tool and each reason for which it failed."""
    return [
        f"{row.tool} failed in {count} of {row.runs} runs: `{reason}`"
        for row in rows
        for reason, count in Counter(row.failures).items()
    ]


def markdown(shown: Table) -> str:
    """A table as text, each row on one line."""
    text = StringIO()
    Console(file=text, width=1000).print(shown)
    return text.getvalue().strip()


def document(**values: object) -> str:
    """The Markdown file, from the template beside this module."""
    templates = Templates(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"markdown": markdown, "table": table, "failures": failures, "tool_table": tool_table}
    return templates.get_template("peers.md.j2").render(**values)


def _empty(*left: str, right: Sequence[str] = ()) -> Table:
    shown = Table(box=MARKDOWN)
    for name in left:
        shown.add_column(name)
    for name in right:
        shown.add_column(name, justify="right")
    return shown


def _figures(row: Row) -> list[str]:
    if row.cpu_us is None:
        return ["failed", *[DASH] * (len(FIGURES) - 1)]
    return [
        f"{row.cpu_us:.2f}",
        _times(row.cpu_ratio),
        f"{row.cpu_ratio.low:.2f}–{row.cpu_ratio.high:.2f}" if row.cpu_ratio else DASH,
        DASH if row.requests_per_s is None else f"{row.requests_per_s:,.0f}",
        _times(row.rate_ratio),
        _ms(row.p50_ms),
        _ms(row.p99_ms),
        f"{row.errors:,}",
    ]


def _times(ratio: Ratio | None) -> str:
    return DASH if ratio is None else f"{ratio.median:.2f}"


def _ms(milliseconds: float | None) -> str:
    """Three figures at most: ``1`` stays ``1`` where a tool counts in whole milliseconds."""
    return DASH if milliseconds is None else f"{float(f'{milliseconds:.3g}'):g}"
