"""The rounds, with runs made up."""

import pytest
import typer
from rich.console import Console

from bench import peers
from bench.readings import Reading
from bench.running import Failure, Run, Sample
from bench.targets import Target
from bench.tools import TOOLS, Load, Tool

TARGETS = [Target("small", "http://127.0.0.1:1/", 40), Target("large", "http://127.0.0.1:2/", 1000)]
THREE = TOOLS[:3]


def test_each_round_begins_with_another_tool_and_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, str]] = []

    def run(tool: Tool, load: Load) -> Run:
        ran.append((load.url[-2:], tool.name))
        return Failure("no") if tool is THREE[0] else Sample(Reading(1000, load.connections, 0, None, None), 0.01)

    monkeypatch.setattr(peers, "run", run)
    measured = peers.measure(THREE, TARGETS, rounds=2, duration_s=1, console=Console(quiet=True))
    first, second, third = (tool.name for tool in THREE)
    assert [name for page, name in ran if page == "1/"] == [first, second, third, third, first, second]
    assert [page for page, _ in ran] == [*["1/"] * 3, *["2/"] * 3] * 2

    rows = peers.summaries(measured, {tool.name: "1.0" for tool in THREE})[TARGETS[1]]
    assert [row.tool for row in rows] == [first, second, third]
    assert rows[0].failures == ("no", "no")
    assert (rows[2].cpu_us, rows[2].requests_per_s, rows[2].runs) == (10.0, 1000, 2)


def test_tools_are_chosen_by_name() -> None:
    assert [tool.name for tool in peers.chosen("ab,wrk")] == ["wrk", "ab"]
    assert peers.chosen(None) == list(TOOLS)
    with pytest.raises(typer.BadParameter, match="no such tool: curl"):
        peers.chosen("wrk,curl")
