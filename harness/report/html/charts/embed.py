"""A chart as the JSON that Bokeh's script makes it from."""

from typing import Any

from bokeh.core.types import ID
from bokeh.embed import json_item

from harness.report.html.charts.style import THEME, Chart


def chart_json(name: str, chart: Chart) -> Any:
    """Return what is drawn into the element that is called ``chart-<name>``; the same chart gives the same JSON."""
    return _renumber(json_item(chart.plot, ID(f"chart-{name}"), theme=THEME), {})


def _renumber(item: Any, numbers: dict[str, str]) -> Any:
    """Return the item with its models counted from one: Bokeh counts them on for as long as the program runs."""
    if isinstance(item, list):
        return [_renumber(each, numbers) for each in item]
    if not isinstance(item, dict):
        return item
    return {
        key: numbers.setdefault(value, f"p{len(numbers) + 1}")
        if key in ("id", "root_id")
        else _renumber(value, numbers)
        for key, value in item.items()
    }
