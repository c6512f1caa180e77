"""The imbalance of a cluster: how evenly its workers shared the requests."""

from collections.abc import Sequence

from harness.analysis.trials import Trial
from harness.scenario import ScenarioLoad
from harness.stats.imbalance import Imbalance, estimate_imbalance


def requests_of_workers(trial: Trial) -> list[int]:
    """Return how many requests each worker answered, idle ones included; empty where the server does not name its
    workers."""
    served = trial.load.workers
    workers = [process.pid for process in trial.usage.processes if process.role == "worker"]
    return [served.get(str(pid), 0) for pid in workers] if served else []


def imbalance_of(trials: Sequence[Trial], load: ScenarioLoad) -> Imbalance | None:
    """Return the imbalance, beside that of connections dealt at random; None for a single worker, and where chance
    deals nothing that can be counted.

    Only a closed loop keeps its number of connections constant for a whole trial, and only workers that were there for
    all of it can be compared.
    """
    if load.arrivals or not load.keepalive:
        return None
    steady = [trial for trial in trials if trial.kept_its_workers]
    spread = [requests for trial in steady if len(requests := requests_of_workers(trial)) > 1]
    alike = [requests for requests in spread if len(requests) == len(spread[0])]
    return estimate_imbalance(alike, load.connections) if alike else None
