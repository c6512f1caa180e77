"""The scenario and the objectives that the options of a verb come to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.cli.options import Format
from harness.cli.usage import UsageError
from harness.scenario import Objective, Scenario, load_scenario
from harness.scenario.malloc import MallocChoice


def load_selected(
    file: Path, overrides: Mapping[str, object], only: str | None, malloc: MallocChoice | None = None
) -> Scenario:
    """Return the scenario with the options that were given (not None) in place of its own keys, and ``only`` the named
    topologies. ``malloc`` is that of all of them: see :meth:`Scenario.with_malloc`. Raises ScenarioError, and
    UsageError for a number of connections beside a sweep."""
    given = {key: value for key, value in overrides.items() if value is not None}
    scenario = load_scenario(file, given)
    if scenario.is_sweep and "load.connections" in given:
        raise UsageError(f"--connections: expected --grid connections=N,N instead, since {file} has a [load.grid]")
    selected = scenario if only is None else scenario.only(name.strip() for name in only.split(","))
    return selected if malloc is None else selected.with_malloc(malloc)


def check_form(form: Format, files: Sequence[Path]) -> None:
    """Raise UsageError for a document that is to be of several scenarios."""
    if form.is_document and len(files) > 1:
        raise UsageError(f"--format {form}: expected one scenario, since it is one document, got {len(files)}")


def parse_objective(text: str) -> Objective:
    """Return the objective. Raises UsageError for a text that is none."""
    try:
        return Objective.parse(text)
    except ValueError as error:
        raise UsageError(f"--slo: {error}") from error
