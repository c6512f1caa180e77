"""A short soak: every kind of server once, with somebody struck in every other trial."""

from pathlib import Path

import pytest

from tests.server.family import Family
from tests.soak.soak import soak

pytestmark = [pytest.mark.compares, pytest.mark.faults]


def test_after_many_faults_nothing_is_lost_and_nothing_left_behind(
    tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.server.supervised.GRACE_S", 0.3)
    monkeypatch.setattr("harness.generator.process.SLACK_S", 3.0)
    soaked = soak(rounds=1, seed=7, results=tmp_path)
    run, resources = soaked.run, soaked.resources
    assert [record.trial for record in run.records] == [planned.id for planned in run.info.trials]
    assert {record.status for record in run.records} >= {"ok", "failed"}
    assert run.left_out == []
    assert run.is_whole
    assert family.alive() == []
    assert resources[-1].descriptors <= resources[0].descriptors
