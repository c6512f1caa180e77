"""The scenario of a comparison: read from a TOML file into one frozen, validated model."""

from harness.scenario.file import PublishedRun, Scenario, load_scenario
from harness.scenario.gate import Gate, GateTable
from harness.scenario.load import ScenarioLoad
from harness.scenario.objective import Objective
from harness.scenario.table import ScenarioError
from harness.scenario.topology import Side, Topology

__all__ = [
    "Gate",
    "GateTable",
    "Objective",
    "PublishedRun",
    "Scenario",
    "ScenarioError",
    "ScenarioLoad",
    "Side",
    "Topology",
    "load_scenario",
]
