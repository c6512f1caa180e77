"""What a reader must know before trusting the figures."""

from harness.analysis.bottleneck import Bottleneck
from harness.planning.evidence import FLOORS
from harness.report.findings import NOT_THE_SERVER


def test_every_limit_but_the_servers_own_has_its_advice() -> None:
    assert set(Bottleneck) - set(NOT_THE_SERVER) == {Bottleneck.SERVER, Bottleneck.NOTHING}
    assert set(NOT_THE_SERVER) - set(FLOORS) == {Bottleneck.GENERATOR}
