"""Response times between two kinds of lines, and which of them the measurements support."""

from dataclasses import replace

import pytest

from harness.planning.carried import Carried, Observed
from harness.planning.waiting import Support, bracket_of, service_of, support_of
from harness.stats.queueing import Service, lines_apart, one_line
from tests.planning.evidence import cluster, exactly

FOUR = cluster(4, exactly(380), exactly(400))


def seen(part: float, p99_ms: float) -> Observed:
    """Under such a part of the saturation throughput."""
    return Observed(400 * part, 10.0, p99_ms)


def between(share: float) -> Carried:
    """A cluster whose p99 was so far on the way from one line to lines apart, as factors go."""
    observed = []
    for part in (0.6, 0.7, 0.8):
        found = bracket_of(FOUR, 400 * part)
        assert found is not None
        observed.append(seen(part, found.one_line.p99_ms ** (1 - share) * found.lines_apart.p99_ms**share))
    return replace(FOUR, observed=tuple(observed))


def test_the_bracket_is_that_of_the_two_queues() -> None:
    found, service = bracket_of(FOUR, 300), Service(0.01, 1.0)
    assert found is not None
    assert found.one_line.p99_ms == pytest.approx(1000 * one_line(4, 300, service).response_s(0.99))
    assert found.lines_apart.p99_ms == pytest.approx(1000 * lines_apart(4, 300, service).response_s(0.99))
    assert found.one_line.p50_ms < found.one_line.p99_ms < found.lines_apart.p99_ms


def test_workers_are_saturated_where_they_were_seen_to_be() -> None:
    assert service_of(FOUR) == Service(0.01, 1.0)
    measured = replace(FOUR, service=Service(0.007, 0.2))
    assert service_of(measured) == Service(0.01, 0.2)
    assert service_of(replace(measured, saturation=None)) == Service(0.007, 0.2)
    assert service_of(replace(FOUR, saturation=None)) is None


def test_beyond_saturation_there_is_no_answer() -> None:
    assert bracket_of(FOUR, 400) is None
    assert bracket_of(replace(FOUR, saturation=None), 1) is None


@pytest.mark.parametrize(
    ("share", "support"),
    [
        (0.0, Support.ONE_LINE),
        (1.0, Support.LINES_APART),
        (0.5, Support.BETWEEN),
        (-1.0, Support.NEITHER),
        (2.0, Support.NEITHER),
    ],
)
def test_the_lines_that_made_the_figures_are_found_again(share: float, support: Support) -> None:
    assert support_of([between(share)]) is support


def test_a_closed_loop_says_nothing_of_waiting() -> None:
    assert support_of([FOUR]) is Support.NOT_MEASURED


def test_one_worker_and_little_load_do_not_tell() -> None:
    single = replace(cluster(1, exactly(90), exactly(100)), observed=(Observed(80, 10.0, 200.0),))
    idle = replace(FOUR, observed=(seen(0.3, 30.0),))
    assert support_of([single, idle]) is Support.TOO_FEW
