"""A chart as the JSON that Bokeh's script makes it from."""

from typing import Any

from bokeh.core.types import ID
from bokeh.embed import json_item

from harness.report.html.charts.style import THEME, Chart


def embedded(name: str, chart: Chart) -> Any:
    """To be drawn into the element that is called ``chart-<name>``; the same chart gives the same JSON."""
    return _numbered(json_item(chart.plot, ID(f"chart-{name}"), theme=THEME), {})


def _numbered(item: Any, numbers: dict[str, str]) -> Any:
    """Bokeh counts its models on for as long as the program runs: they are counted from one here."""
    if isinstance(item, list):
        return [_numbered(each, numbers) for each in item]
    if not isinstance(item, dict):
        return item
    return {
        key: numbers.setdefault(value, f"p{len(numbers) + 1}")
        if key in ("id", "root_id")
        else _numbered(value, numbers)
        for key, value in item.items()
    }
