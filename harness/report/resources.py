"""The limits of the topologies, in words."""

from collections.abc import Iterator

from harness.report.markup import code
from harness.scenario import Scenario, Topology
from harness.units import size_text


def limits_text(scenario: Scenario) -> str:
    """Return, as one sentence in Markdown, what which topologies could use at most; empty where none has a limit."""
    texts = {topology.title: ", ".join(_parts(topology)) for topology in scenario.topologies}
    limited = {title: text for title, text in texts.items() if text}
    if not limited:
        return ""
    if len(limited) == len(texts) and len(set(limited.values())) == 1:
        return f"Each topology could use {next(iter(limited.values()))} at most (control groups)."
    listed = "; ".join(f"{code(title)} {text}" for title, text in limited.items())
    return f"Topologies could use, at most (control groups): {listed}."


def _parts(topology: Topology) -> Iterator[str]:
    if topology.cpus is not None:
        yield f"{topology.cpus:g} core{'' if topology.cpus == 1 else 's'}"
    if topology.memory_bytes is not None:
        yield f"{size_text(topology.memory_bytes)} of memory"
