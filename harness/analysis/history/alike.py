"""The test whether two runs measured the same thing, and may be compared."""

from harness.analysis.history.past_run import PastRun
from harness.machine.environment import Environment
from harness.scenario import Topology
from harness.scenario.secrets import withheld_of, withheld_of_load


def find_mismatch(run: PastRun, other: PastRun, topology: str) -> str | None:
    """Return in which respect a run of the same scenario measured something else than ``other``; None where it did not.

    ``other`` has the topology.
    """
    here, there = run.topologies.get(topology), other.topologies[topology]
    if here is None:
        return f"no {topology}"
    if run.is_edited:
        return "edited since"  # so its load is not known
    if any(withheld_of_load(each.scenario.load) or withheld_of(each.topologies[topology]) for each in (run, other)):
        return "what was not written down"  # so that nobody knows whether it is the same
    if run.scenario.load != other.scenario.load:
        return "another load"
    if _server(here) != _server(there):
        return "another command"
    if here.malloc != there.malloc:
        return "another malloc"
    if run.has_turns != other.has_turns:
        return "another interleaving"  # to be stopped between turns costs CPU
    if _machine(run.environment) != _machine(other.environment):
        return "another machine"
    if run.environment.kernel != other.environment.kernel:
        return "another kernel"
    return None


def _server(topology: Topology) -> tuple[object, ...]:
    return topology.image, topology.commands, topology.files, topology.env, topology.workers


def _machine(environment: Environment) -> tuple[object, ...]:
    return environment.cpu_model, environment.usable_cores, environment.cpu_quota_cores
