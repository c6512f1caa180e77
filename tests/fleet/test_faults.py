"""Whatever is lost, at whatever time: nothing of ours stays, the record says what happened, and other rounds go on."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Final

import psutil
import pytest

from harness.record import Run, read_run
from tests.fleet.conftest import Site
from tests.fleet.lab import HUB, end

pytestmark = pytest.mark.fleet

GONE_S: Final = 10.0
SHOWS_S: Final = 30.0


def wait_until_gone(find: Callable[[], list[psutil.Process]]) -> None:
    """Wait until there is none of these any more. It may take ten seconds."""
    deadline_s = time.monotonic() + GONE_S
    while found := find():
        assert time.monotonic() < deadline_s, [each.cmdline() for each in found if each.is_running()]
        time.sleep(0.1)


def start(site: Site, *rigs: str, rounds: int = 1) -> "subprocess.Popen[str]":
    site.write_fleet(*rigs)
    site.write_scenario('interleave = "trials"', duration="6s", rounds=rounds)
    site.start_agents(*dict.fromkeys("".join(rigs)))
    return site.start("compare", "scenario.toml", "--fleet", "fleet.toml")


def run_of(site: Site) -> Run:
    return read_run(site.folder / "results" / "latest")


def test_a_leader_that_is_killed_leaves_nothing(site: Site) -> None:
    leader = start(site, "ab")
    site.lab.find("a", "counting_server")
    site.lab.find("b", "harness.generator")
    end(site.lab.find(HUB, "compare"))
    wait_until_gone(lambda: site.lab.processes())
    leader.communicate()


def test_a_leader_that_is_frozen_leaves_nothing_on_the_hosts(site: Site) -> None:
    leader = start(site, "ab")
    site.lab.find("a", "counting_server")
    frozen = site.lab.find(HUB, "compare")
    frozen.send_signal(signal.SIGSTOP)
    wait_until_gone(lambda: [*site.lab.processes("a"), *site.lab.processes("b")])
    end(frozen)
    leader.kill()  # nsenter stops with what it runs
    leader.communicate()


@pytest.mark.parametrize("host", ["a", "b"])
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_lost_agent_is_named_and_leaves_nothing(site: Site, host: str, blow: signal.Signals) -> None:
    leader = start(site, "ab", rounds=2)
    site.lab.find("a", "counting_server")
    site.lab.find("b", "harness.generator")
    time.sleep(2)  # into the window
    site.lab.find(host, "harness.fleet").send_signal(blow)
    output, _ = leader.communicate(timeout=SHOWS_S)
    wait_until_gone(lambda: site.lab.processes())
    run = run_of(site)
    assert [record.status for record in run.records if record.block == 1][:1] == ["failed"], output
    assert host in str(run.records[0].reason)
    assert not run.is_whole


@pytest.mark.parametrize("host", ["a", "b"])
def test_a_cut_link_is_named_and_leaves_nothing(site: Site, host: str) -> None:
    leader = start(site, "ab")
    site.lab.find("a", "counting_server")
    time.sleep(2)
    site.lab.cut(host)
    output, _ = leader.communicate(timeout=SHOWS_S)
    wait_until_gone(lambda: site.lab.processes())
    run = run_of(site)
    assert run.records[0].status == "failed", output
    assert re.search(rf"{host}(: not heard for| was lost)", str(run.records[0].reason))


def test_a_generator_process_that_is_killed_fails_its_trial_alone(site: Site) -> None:
    leader = start(site, "ab", rounds=2)
    site.lab.find("a", "counting_server")
    time.sleep(2)
    end(site.lab.find("b", "harness.generator"))
    leader.communicate(timeout=90)
    run = run_of(site)
    assert [record.status for record in run.records] == ["failed", "ok", "ok", "ok"]
    assert run.records[0].reason == "b: the generator ended: exit code -9"
    wait_until_gone(lambda: site.lab.processes())


def test_other_rigs_go_on_without_the_lost_one(site: Site) -> None:
    leader = start(site, "a", "b", rounds=3)
    site.lab.find("b", "counting_server")
    end(site.lab.find("b", "harness.fleet"))
    leader.communicate(timeout=120)
    run = run_of(site)
    assert {record.rig for record in run.records if record.status == "ok"} == {"a"}
    failed = [record for record in run.records if record.status == "failed"]
    assert {record.rig for record in failed} == {"b"}
    assert len({record.block for record in failed}) == 1
    assert len({record.block for record in run.records}) == 3
    wait_until_gone(lambda: site.lab.processes())


def test_ctrl_c_keeps_what_was_measured_and_leaves_nothing(site: Site) -> None:
    leader = start(site, "ab", rounds=5)
    deadline_s = time.monotonic() + SHOWS_S
    while time.monotonic() < deadline_s and not (site.folder / "results" / "latest" / "trials.jsonl").exists():
        time.sleep(0.1)
    site.lab.find(HUB, "compare").send_signal(signal.SIGINT)
    leader.communicate(timeout=SHOWS_S)
    wait_until_gone(lambda: site.lab.processes())
    run = run_of(site)
    assert run.ending is not None
    assert run.ending.reason == "interrupted"
    assert run.records[0].status == "ok"
