"""The scenario: what is compared and how, from a TOML file to one frozen, validated model."""

from harness.scenario.file import Documented, Scenario, load_scenario
from harness.scenario.gate import Gate, GateTable
from harness.scenario.load import ScenarioLoad
from harness.scenario.objective import Objective
from harness.scenario.table import ScenarioError
from harness.scenario.topology import Side, Topology

__all__ = [
    "Documented",
    "Gate",
    "GateTable",
    "Objective",
    "Scenario",
    "ScenarioError",
    "ScenarioLoad",
    "Side",
    "Topology",
    "load_scenario",
]
