"""What a reader must know before trusting the figures."""

from harness.analysis.limits import Limit
from harness.planning.carried import FLOORS
from harness.report.findings import NOT_THE_SERVER


def test_every_limit_but_the_servers_own_has_its_advice() -> None:
    assert set(Limit) - set(NOT_THE_SERVER) == {Limit.SERVER, Limit.NOTHING}
    assert set(NOT_THE_SERVER) - set(FLOORS) == {Limit.GENERATOR}
