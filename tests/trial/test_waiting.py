"""What real servers wait for that have time left."""

from pathlib import Path

import pytest

from harness.analysis import waiting
from harness.analysis.bottleneck import Rule
from tests.server.family import Family
from tests.server.topologies import small
from tests.trial.trials import try_out

TRIES = 3  # on a machine that does other things too


@pytest.mark.parametrize(
    ("server", "rule"),
    [
        (("page",), waiting.few_connections),
        (("small_writes",), waiting.delayed_acks),
        (("waits", "one_at_a_time"), waiting.concurrency_limit),
        (("waits", "locks"), waiting.locks),
    ],
    ids=["rests", "small writes", "one at a time", "locks"],
)
def test_what_a_server_waits_for(server: tuple[str, ...], rule: Rule, family: Family, log: Path) -> None:
    def is_told() -> bool:
        record = try_out(small(*server), log)
        assert record.load, record.reason
        assert record.usage
        return rule(record.load, record.usage) is not None

    assert any(is_told() for _ in range(TRIES))
    assert family.alive() == []


def test_what_a_server_stores_is_counted(log: Path) -> None:
    """How long that is waited for depends on the disk."""
    record = try_out(small("waits", "disk"), log)
    assert record.load
    assert record.usage
    (worker,) = record.usage.processes
    if worker.disk_bytes == 0:
        pytest.skip("this folder is kept in memory")
    assert worker.disk_bytes
    assert worker.disk_bytes >= record.load.requests * waiting.PAGE_BYTES
    machine = record.usage.machine.model_copy(update={"io_pressure_s": None})
    assert waiting.disk(record.load, record.usage.model_copy(update={"machine": machine}))
