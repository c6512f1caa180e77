"""The malloc of the servers, in words."""

from typing import Final

from harness.record import Allocator, Run
from harness.report.markup import code
from harness.scenario import Scenario
from harness.scenario.malloc import KEEPING_VARIABLES

KEEPING: Final = " ".join(f"{name}={value}" for name, value in KEEPING_VARIABLES.items())


def allocators_of(run: Run, topology: str) -> set[Allocator]:
    """Return the libraries from which launches of the topology took their memory, as far as that is known."""
    return {each.allocator for each in run.records if each.topology == topology and each.allocator}


def malloc_text(scenario: Scenario) -> str:
    """Return, as one sentence in Markdown, whose malloc keeps its memory; empty where that of none does."""
    keeping = [topology for topology in scenario.topologies if topology.malloc == "keep"]
    if not keeping:
        return ""
    names = dict.fromkeys(code(topology.title) for topology in keeping)
    of = "" if len(keeping) == len(scenario.topologies) else f" of {', '.join(names)}"
    return f"The malloc{of} keeps its memory ({code(KEEPING)})."
