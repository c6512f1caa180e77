"""The latencies of one load by percentile: response times and, of an open loop, service times."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult
from harness.report.charts.percentiles import percentile_line, percentile_scale
from harness.report.charts.pictures.percentiles import draw_percentiles, scale_percentiles
from harness.report.charts.pictures.style import house_style, make_figure
from harness.report.charts.style import DASHES, line_style
from harness.report.load.suffix import CHART, check_suffix
from harness.units import NS_PER_MS, ms_text, rate_text

METADATA: Final[dict[str, Any]] = {  # so that the same result draws the same bytes
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
MAX_URL: Final = 68  # characters that fit into the width of the figure, as do LINE of the warnings
WARNING: Final = "#B03A00"
LINE: Final = 100


def write_chart(result: LoadResult, path: Path) -> None:
    """Write the chart as PNG, SVG or PDF, as the suffix says.

    Raises ValueError, before anything is written, at any other suffix.
    """
    check_suffix(path, CHART)
    with house_style():
        draw(result).savefig(path, metadata=METADATA[path.suffix])


def draw(result: LoadResult) -> Figure:
    """Return the chart of the response times and, of an open loop, the service times. Warnings stand below it in
    words."""
    drawn = make_figure(_shorten(result.url), height_in=4.5)
    axes = drawn.add_subplot()
    curves = _curves(result)
    lines = {name: percentile_line(histogram) for name, histogram in curves.items()}
    for index, (name, histogram) in enumerate(curves.items()):
        style, label = line_style(index), f"{name}: {_figures(histogram)}"
        dashes = DASHES[index]  # so that lines that coincide are both seen
        draw_percentiles(axes, lines[name], color=style.colour, marker=style.marker, linestyle=dashes, label=label)
    if curves:
        scale_percentiles(axes, percentile_scale(list(lines.values())))
        axes.set_ylabel("time, ms")
    else:
        axes.set_axis_off()
    axes.legend(
        *axes.get_legend_handles_labels(),
        title=_offer(result),
        loc="lower left",
        bbox_to_anchor=(0, 1),
        alignment="left",
        title_fontsize=9,
    )
    drawn.supxlabel("\n".join(_warnings(result)), x=0.01, ha="left", fontsize=9, color=WARNING)
    return drawn


def _curves(result: LoadResult) -> dict[str, LatencyHistogram]:
    """Return the histograms to draw, by name; none when no request ended."""
    encoded = {"latency": result.histogram}
    if result.offered:
        encoded = {"response time, since due": result.histogram, "service time, since sent": result.service_histogram}
    decoded = {name: LatencyHistogram.decode(text) for name, text in encoded.items()}
    return {name: histogram for name, histogram in decoded.items() if histogram.total}


def _figures(histogram: LatencyHistogram) -> str:
    p50, p99, p99_99, most = (ms_text(ns / NS_PER_MS) for ns in histogram.percentiles_ns([50, 99, 99.99, 100]))
    return f"p50 {p50}, p99 {p99}, p99.99 {p99_99}, max {most}"


def _shorten(url: str) -> str:
    return url if len(url) <= MAX_URL else f"{url[: MAX_URL - 1]}…"


def _offer(result: LoadResult) -> str:
    rate, requests = f"{rate_text(result.requests_per_s)} requests/s", f"{result.requests:,} requests"
    if result.offered is None:
        return f"closed loop, {result.connections:,} connections: {rate}, {requests}"
    offered = f"{rate_text(result.offered.rate_per_s)} requests/s offered ({result.offered.kind})"
    return f"open loop, {offered}: {rate} achieved, {requests}"


def _warnings(result: LoadResult) -> Iterator[str]:
    if not result.requests:
        yield "No request got a response in the window."
    if result.errors.timeout:
        yield f"{result.errors.timeout:,} requests timed out: drawn at the time they had waited, a lower bound."
    for doubt in result.doubts:
        yield from textwrap.wrap(f"{doubt.title}: {doubt.what}", LINE)
