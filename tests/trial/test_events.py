"""Events under load: they are carried out at their time, and what they cost is what the servers say."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.reloads import GUNICORN, NODE, Reloading, disagreement, reload_once
from harness.analysis.event_cost import cost_of_events
from harness.load.cpus import Placement
from harness.load.spec import Arrivals, Request
from harness.measure.capacity.setting import for_search
from harness.measure.preparation import prepare
from harness.measure.trial import run_trial
from harness.record import PlannedTrial, TrialRecord
from harness.scenario import ScenarioError, Topology
from harness.scenario.event import Event
from tests.granting import needs_limits
from tests.server.topologies import gunicorn, small
from tests.trial.trials import ignore, scenario


def happened(launched: Topology, log: Path, *events: Mapping[str, object], path: str = "/") -> TrialRecord:
    """A trial of three seconds in which these events happen."""
    around = scenario(launched, warmup_s=0.5)
    load = around.load.model_copy(
        update={
            "requests": (Request(path=path),),
            "arrivals": Arrivals(kind="constant", rate_per_s=100.0),
            "connections": 50,
            "duration_s": 3.0,
            "expect": around.load.expect.without_body(),
        }
    )
    changed = around.model_copy(update={"load": load, "events": tuple(map(Event.model_validate, events))})
    planned = PlannedTrial(id="r01-01-test", block=1, position=1, seed=1, topology=around.topologies[0])
    return run_trial(planned, changed, Placement(), log, ignore)


@pytest.mark.parametrize("reloading", [GUNICORN, NODE], ids=lambda each: each.name)
def test_what_a_reload_loses_is_what_the_server_did_not_answer(tmp_path: Path, reloading: Reloading) -> None:
    if reloading is NODE:
        assert shutil.which("node"), "apt install nodejs"
    for number in range(2):
        log = tmp_path / f"{number}.log"
        record = reload_once(reloading, log, at_s=1.5 + 0.2 * number)
        assert (record.status, record.reason) == ("ok", None)
        assert disagreement(reloading, record, log) == 0
        assert record.load is not None
        (event,) = record.events
        assert event.what.startswith("SIGHUP to process ")
        cost = cost_of_events(record.load, record.events)
        assert cost is not None
        assert cost.lost >= record.load.errors.total
        assert (cost.lost > 0) == (reloading is NODE)


def test_a_worker_that_is_killed_makes_no_trial_invalid_and_costs_what_was_on_it(log: Path) -> None:
    record = happened(gunicorn(2), log, {"at": "1.5s", "kill": "worker"}, path="/cart")
    assert (record.status, record.reason) == ("ok", None)
    assert record.worker_counts is not None
    assert record.worker_counts.number_ended == 1
    assert record.events[0].what.startswith("SIGKILL to worker ")
    assert 1.4 < record.events[0].at_s < 2.5


def test_workers_that_come_and_go_by_an_event_are_no_reason_against_the_trial(log: Path) -> None:
    """gunicorn adds a worker, and ends one, so that there are three for a while."""
    added, ended = {"at": "1.5s", "signal": "TTIN"}, {"at": "2s", "signal": "TTOU"}
    record = happened(gunicorn(2), log, added, ended, path="/cart")
    assert (record.status, record.reason) == ("ok", None)
    assert record.worker_counts is not None
    assert (record.worker_counts.most, record.worker_counts.at_end) == (3, 2)


def test_the_workers_of_an_earlier_event_can_be_killed_by_a_later_one(log: Path) -> None:
    events = ({"at": f"{1.5 + 0.4 * number}s", "kill": "worker"} for number in range(2))
    record = happened(gunicorn(1), log, *events, path="/cart")
    assert (record.status, record.reason) == ("ok", None)
    one, another = (event.what for event in record.events)
    assert one != another


def test_an_event_that_was_held_up_is_told(log: Path) -> None:
    slow, held_up = {"at": "1.5s", "run": ["sleep", "4"]}, {"at": "2s", "kill": "worker"}
    record = happened(small("page"), log, slow, held_up)
    assert record.status == "failed"
    assert "SIGKILL to a worker: the window was over before" in str(record.reason)


@needs_limits
def test_memory_that_runs_out_is_no_cost_of_an_event(log: Path) -> None:
    eats = small("works", "--eat", "3").model_copy(update={"memory_bytes": 48 * 2**20})
    record = happened(eats, log, {"at": "1.5s", "run": ["true"]})
    assert record.status == "invalid"
    assert "the kernel killed 1 of its processes" in str(record.reason)


def test_a_single_process_that_is_killed_loses_all_that_comes_after_it(log: Path) -> None:
    record = happened(small("page"), log, {"at": "1.5s", "kill": "worker"})
    assert (record.status, record.reason) == ("ok", None)
    assert record.load is not None
    cost = cost_of_events(record.load, record.events)
    assert cost is not None
    assert cost.lost > 80
    assert not cost.is_back


def test_a_command_is_run_with_the_server_s_process_and_port(tmp_path: Path, log: Path) -> None:
    told = tmp_path / "told"
    words = ["sh", "-c", f'echo "$0" "$1" > {told}', "{pid}", "{port}"]
    record = happened(small("page"), log, {"at": "1.5s", "run": words})
    assert (record.status, record.reason) == ("ok", None)
    pid, port = told.read_text().split()
    assert int(pid) == record.processes[0].pid
    assert record.load is not None
    assert f":{port}/" in record.load.url


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"at": "1.5s", "run": ["sh", "-c", "echo no manager; exit 4"]}, "event sh -c .*exit code 4: no manager"),
        ({"at": "1.5s", "kill": "front"}, "event SIGKILL to a front: the server has no front, or no more of them"),
        ({"at": "1.5s", "run": ["no-such-program"]}, "event no-such-program: .*no-such-program"),
    ],
)
def test_an_event_that_fails_is_named_and_the_trial_has_failed(
    log: Path, event: dict[str, object], reason: str
) -> None:
    record = happened(small("page"), log, event)
    assert record.status == "failed"
    assert record.reason is not None
    assert re.match(reason, record.reason)


def test_a_program_that_an_event_runs_is_looked_for_before_anything_is_measured() -> None:
    event = Event.model_validate({"at": "3s", "run": ["no-such-program", "{pid}"]})
    with pytest.raises(ScenarioError, match=r"event\[0\]: no-such-program not found on PATH; install no-such-program"):
        prepare(scenario(small("page")).model_copy(update={"events": (event,)}), 1)


def test_a_search_for_the_capacity_has_no_events() -> None:
    event = Event.model_validate({"at": "3s", "kill": "worker"})
    assert for_search(scenario(small("page")).model_copy(update={"events": (event,)})).events == ()
