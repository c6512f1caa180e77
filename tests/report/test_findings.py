"""What a reader must know before trusting the figures."""

from pathlib import Path

import pytest

from harness.analysis.bottleneck import Bottleneck
from harness.planning.evidence import FLOORS
from harness.report.findings import NOT_THE_SERVER
from harness.report.run_report import RunReport
from tests.made_runs import made_run, record, scenario_of, topology


def test_every_limit_but_the_servers_own_has_its_advice() -> None:
    assert set(Bottleneck) - set(NOT_THE_SERVER) == {Bottleneck.SERVER, Bottleneck.NOTHING}
    assert set(NOT_THE_SERVER) - set(FLOORS) == {Bottleneck.GENERATOR, Bottleneck.LIMIT}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"env": {"PYTHONHASHSEED": "0"}}, True),
        ({"pass_env": ("PYTHONHASHSEED",)}, True),
        ({"env": {"PYTHONHASHSEED": "random"}}, False),
        ({}, False),
    ],
)
def test_a_hash_seed_that_all_launches_share_is_told(tmp_path: Path, settings: dict[str, object], told: bool) -> None:
    raw = topology("raw", baseline=True).model_copy(update=settings)
    run = made_run(tmp_path, scenario_of([raw], 1), [record(1, raw, 100)])
    found = [each.what for each in RunReport(run).findings if "PYTHONHASHSEED" in each.what]
    assert found == (["PYTHONHASHSEED is the same in every launch of `raw`."] if told else [])
