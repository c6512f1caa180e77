"""Real trials say what limited them: one of each kind; the bench makes many (``python -m bench.validity.limits``)."""

import pytest

from bench.validity.limits import ALONE, FROZEN, HEALTHY, HOGGED, OF_THE_SERVER, PLACEMENT, Kind, limiting
from harness.analysis.bottleneck import Bottleneck
from tests.server.family import Family

pytestmark = [
    pytest.mark.alone,  # it measures
    pytest.mark.skipif(not PLACEMENT.generator, reason="the generator has no core of its own"),
]

TRIES = 3  # whatever else runs for a while on this machine is found out too


@pytest.mark.parametrize("kind", [FROZEN, HOGGED, ALONE], ids=["frozen", "hogged", "alone"])
def test_a_fault_of_the_generator_is_found_out(kind: Kind, family: Family) -> None:
    found = limiting(kind)
    assert found.limit not in OF_THE_SERVER, found
    if kind is FROZEN:
        assert found.limit is Bottleneck.GENERATOR, found
    assert family.alive() == []


def test_a_generator_that_is_well_leaves_the_limit_to_the_server() -> None:
    found = [limiting(HEALTHY) for _ in range(TRIES)]
    if all("the hypervisor withheld" in each.why for each in found):
        pytest.skip(found[-1].why)
    assert any(each.limit is Bottleneck.SERVER for each in found)
