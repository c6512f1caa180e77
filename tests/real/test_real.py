"""What was measured of a server and itself, and of a slower one, judged again by the rules of today."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.metrics import METRICS, decisive_metrics
from harness.stats.evidence import Ratios
from harness.stats.paired import Paired
from harness.stats.sequential import InterimLooks
from harness.stats.verdict import MARGIN, Verdict, judge

HERE = Path(__file__).parent
DIFFERENT = (Verdict.BETTER, Verdict.WORSE)
MOST_FALSE = 2
DECISIVE = {each.name for each in decisive_metrics(METRICS)}
MARGINS = {each.name: each.margin for each in METRICS if isinstance(each.margin, float)}


def comparisons(kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()]


def verdicts(comparison: dict[str, Any]) -> dict[str, Verdict]:
    paces = tuple(comparison["paces"]) or None
    evidence = {
        metric: Ratios(Paired(tuple(logs), paces), MARGINS.get(metric, MARGIN))
        for metric, logs in comparison["log_ratios"].items()
    }
    judged = judge(evidence, InterimLooks(tuple(comparison["looks"])), DECISIVE)
    return {metric: judgement.verdict for metric, judgement in judged.items()}


@pytest.mark.parametrize("metric", ["throughput", "cpu_per_request"])
def test_a_server_is_hardly_ever_called_different_from_itself(metric: str) -> None:
    made = comparisons("same")
    assert len(made) == 40
    counts = Counter(verdicts(comparison)[metric] for comparison in made)
    assert sum(counts[verdict] for verdict in DIFFERENT) <= MOST_FALSE, counts


def test_a_server_that_is_a_twentieth_slower_is_called_slower() -> None:
    made = comparisons("slower")
    assert len(made) == 10
    found = [verdicts(comparison) for comparison in made]
    seen = [Verdict.WORSE in (each["throughput"], each["cpu_per_request"]) for each in found]
    assert sum(seen) >= 9, found
