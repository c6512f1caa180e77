"""A soak from its command line to its first sentence, on a simulated machine."""

from pathlib import Path

from harness.scenario.file import MIN_SOAK_S
from harness.stats.growth import estimate_growth
from tests.rehearsal.service import MIB, Service
from tests.rehearsal.stage import rehearse
from tests.rehearsal.testbed import VirtualTestbed

SCENARIO = """
name = "shop"
[load]
rate = 5
warmup = "1s"
[[topology]]
name = "steady"
command = ["python3", "{port}"]
[[topology]]
name = "leaking"
memory = "200MiB"
command = ["python3", "leak", "{port}"]
"""


def test_growth_is_told_with_its_interval_and_when_it_would_reach_the_limit(tmp_path: Path) -> None:
    services = {"steady": Service(), "leaking": Service(kept_bytes=10_000.0)}
    with rehearse(tmp_path, VirtualTestbed(services=services)) as stage, stage.undrawn():
        stage.write("shop.toml", SCENARIO)
        result = stage.call("compare", "shop.toml", "--soak", "10m", "--seed", "1", "--format", "markdown")
    assert result.exit_code == 0, result.output
    answer = next(line for line in result.stdout.splitlines() if "`leaking` memory" in line)
    assert "`steady` memory of each worker: +0 B per hour (+0 B to +0 B), so that no growth was shown." in answer
    # Five requests a second keep 50 kB/s: 172 MiB an hour.
    assert "`leaking` memory of each worker: +17" in answer
    assert "**it grows**, and all together would reach 200.0 MiB after " in answer
    assert MIB == 2**20


def test_the_shortest_soak_tells_the_growth_in_each_round(tmp_path: Path) -> None:
    """Though half of it may be discarded."""
    with rehearse(tmp_path, VirtualTestbed(services={"steady": Service()})) as stage, stage.undrawn():
        stage.write("shop.toml", SCENARIO)
        options = ("--soak", "4m", "--rounds", "2", "--only", "steady", "--seed", "1", "--format", "markdown")
        result = stage.call("compare", "shop.toml", *options)
    for number in (1, 2):
        assert f"`steady` (round {number}) memory of each worker: +0 B per hour" in result.stdout
    assert estimate_growth(range(int(MIN_SOAK_S / 2)), range(int(MIN_SOAK_S / 2))) is not None


def test_a_short_soak_is_refused(tmp_path: Path) -> None:
    with rehearse(tmp_path, VirtualTestbed()) as stage:
        stage.write("shop.toml", SCENARIO)
        result = stage.call("compare", "shop.toml", "--soak", "239s")
    assert result.exit_code == 2
    assert "soak: expected greater than or equal to 240" in result.output
