"""Reloads under an offered rate, and how many requests the servers themselves say that they have answered."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.load.cpus import Placement
from harness.load.spec import Arrivals, Expectation, Request
from harness.measure.trial import run_trial
from harness.record import PlannedTrial, TrialRecord
from harness.scenario import Scenario, ScenarioLoad, Topology

ROOT: Final = Path(__file__).parents[1]
RELOADING: Final = Path(__file__).parent / "node_reload.js"
RATE_PER_S: Final = 150.0
AT_S: Final = 2.0
DURATION_S: Final = 5.0


@dataclass(frozen=True)
class Reloading:
    """A server that reloads on SIGHUP. ``count`` returns how many POST requests it says to have answered in its log."""

    name: str
    launched: Topology
    count: Callable[[str], int]


def _launch(*command: str) -> Topology:
    """Return a cluster of two workers, whose requests take some time."""
    env = {"PYTHONPATH": str(ROOT), "CART_WAIT_MS": "20"}
    return Topology(name="reloading", family="reloading", command=command, env=env, workers=2, baseline=True)


GUNICORN: Final = Reloading(
    "gunicorn",
    _launch(
        *("{harness_python}", "-m", "gunicorn", "servers.wsgi_cart:create_app()", "-k", "gthread", "-w", "2"),
        *("--threads", "4", "-b", "{host}:{port}", "--no-control-socket", "--access-logfile", "-"),
    ),
    lambda log: len(re.findall(r'"POST /cart\S* HTTP/1.1" 200', log)),
)
NODE: Final = Reloading(
    "node cluster that closes at once",
    _launch("node", str(RELOADING), "{port}"),
    lambda log: sum(map(int, re.findall(r"^finished (\d+)$", log, re.MULTILINE))),
)


def reload_once(reloading: Reloading, log: Path, at_s: float = AT_S) -> TrialRecord:
    """Reload the server once under the offered rate, from the first request on: without a warm-up, all count."""
    load = ScenarioLoad(
        requests=(Request(method="POST", path="/cart?id=7"),),
        data=None,
        arrivals=Arrivals(kind="constant", rate_per_s=RATE_PER_S),
        connections=100,
        threads=1,
        keepalive=True,
        processes=1,
        warmup_s=0.0,
        duration_s=DURATION_S,
        timeout_s=2.0,
        expect=Expectation(),
        ready_path="/cart",
    )
    event = {"at": at_s, "signal": "HUP"}
    around = Scenario.model_validate(
        {"name": "reload", "load": load, "topologies": (reloading.launched,), "event": (event,)}
    )
    planned = PlannedTrial(id="r01-01-reloading", block=1, position=1, seed=1, topology=reloading.launched)
    return run_trial(planned, around, Placement(), log, lambda _: None)


def disagreement(reloading: Reloading, record: TrialRecord, log: Path) -> int:
    """Return by how many requests server and generator disagree on those that were lost: 0 where the server answered
    all others, but perhaps for those that were in flight as the window ended."""
    assert record.load is not None, record.reason
    answered = reloading.count(log.read_text())
    most = record.load.started - record.load.errors.total
    return max(0, answered - most) or max(0, most - record.load.unfinished - answered)
