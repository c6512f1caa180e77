"""Topologies with limits of their own: they hold, what they cost is told, and nothing of them is left."""

from pathlib import Path

import pytest

from harness.analysis.bottleneck import Bottleneck, diagnose, free_cores
from harness.scenario import ScenarioError
from tests.granting import groups_left, needs_limits
from tests.made_runs import machine
from tests.server.topologies import small
from tests.test_scenario import loaded, refusal
from tests.trial.trials import try_out


@pytest.mark.alone  # it measures
@needs_limits
def test_a_topology_gets_no_more_cpu_than_its_limit_which_is_then_its_bottleneck(log: Path) -> None:
    burns = small("works").model_copy(update={"cpus": 0.1})
    record = try_out(burns, log, warmup_s=0.3)
    assert (record.status, record.reason) == ("ok", None)
    assert record.load is not None
    assert record.usage is not None
    assert record.usage.limit is not None
    assert record.usage.limit.throttled_periods > 0
    assert free_cores(record.load, record.usage) == 0.1
    alone = machine(busy_s=record.usage.cpu_s, cores=8)  # whatever else ran meanwhile
    found = diagnose(record.load, record.usage.model_copy(update={"machine": alone}))
    assert found.limit is Bottleneck.LIMIT
    assert "its limit of 0.1 cores was used up in " in found.why
    assert groups_left() == []


@pytest.mark.alone  # the groups of others are left
@needs_limits
def test_a_topology_that_uses_up_its_memory_does_not_count_and_is_told_why(log: Path) -> None:
    eats = small("works", "--eat", "1").model_copy(update={"memory_bytes": 48 * 2**20})
    record = try_out(eats, log, warmup_s=3.0)
    assert record.status in ("failed", "invalid")
    assert record.reason is not None
    assert "the kernel killed 1 of its processes, which used up the memory limit of 48.0 MiB" in record.reason
    assert groups_left() == []


@needs_limits
def test_limits_that_are_not_reached_cost_nothing_and_are_recorded(log: Path) -> None:
    roomy = small("page").model_copy(update={"cpus": 64.0, "memory_bytes": 2**30})
    record = try_out(roomy, log)
    assert (record.status, record.reason) == ("ok", None)
    assert record.usage is not None
    limit = record.usage.limit
    assert limit is not None
    assert (limit.cpus, limit.memory_bytes, limit.throttled_periods, limit.oom_kills) == (64.0, 2**30, 0, 0)


SCENARIO = 'name = "a"\n[[topology]]\nname = "a"\ncommand = ["{port}"]\n'


def test_limits_are_read_as_people_write_them(tmp_path: Path) -> None:
    (limited,) = loaded(tmp_path, SCENARIO + 'cpus = 1.5\nmemory = "512MiB"\n').topologies
    assert (limited.cpus, limited.memory_bytes) == (1.5, 2**29)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cpus = 0.001", "topology[0].cpus: expected greater than or equal to 0.01, got 0.001"),
        ('memory = "1MiB"', "topology[0].memory: expected at least 4.0 MiB, such as '512MB', got '1MiB'"),
        ("memory = inf", "topology[0].memory: expected at least 4.0 MiB, such as '512MB', got inf"),
        ("memory = true", "topology[0].memory: expected at least 4.0 MiB, such as '512MB', got true"),
    ],
)
def test_what_is_no_limit_is_told(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, SCENARIO + text) == [said]


def test_a_machine_that_grants_no_limits_is_told_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.measure.preparation import prepare
    from tests.trial.trials import scenario

    monkeypatch.setattr("harness.machine.limits.find_groups", lambda *_: [])
    one, other = (small("page").model_copy(update={"name": name, "cpus": 1.0}) for name in ("one", "other"))
    with pytest.raises(ScenarioError, match="topology one: cpus and memory: this machine does not grant limits"):
        prepare(scenario(one, other), 1)
