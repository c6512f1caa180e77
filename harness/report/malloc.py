"""The malloc of the servers, in words."""

from harness.report.markup import code
from harness.scenario import Scenario
from harness.scenario.malloc import KEEPING_VARIABLES


def malloc_text(scenario: Scenario) -> str:
    """Return, as one sentence in Markdown, whose malloc keeps its memory; empty where that of none does."""
    keeping = [topology for topology in scenario.topologies if topology.malloc == "keep"]
    if not keeping:
        return ""
    variables = " ".join(f"{name}={value}" for name, value in KEEPING_VARIABLES.items())
    names = dict.fromkeys(code(topology.title) for topology in keeping)
    of = "" if len(keeping) == len(scenario.topologies) else f" of {', '.join(names)}"
    return f"The malloc{of} keeps its memory ({code(variables)})."
