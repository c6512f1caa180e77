"""``wrk.txt``: every trial as wrk would have printed it."""

from harness.analysis.run import RunAnalysis
from harness.record import Run, TrialRecord
from harness.report.load.wrk import wrk_text
from harness.scenario import Topology


def render_wrk(analysis: RunAnalysis) -> str:
    """Return every trial as a block under its topology's heading, the published one where figures are published."""
    return "\n\n".join(_section(topology, analysis.run) for topology in analysis.run.scenario.topologies) + "\n"


def _heading(topology: Topology, run: Run) -> str:
    published = (figure.heading for figure in run.scenario.documented if figure.topology == topology.name)
    return next(published, topology.name)


def _section(topology: Topology, run: Run) -> str:
    blocks = [_block(record) for record in run.records if record.topology == topology.name]
    return "\n\n".join([f"### {_heading(topology, run)}", *(blocks or ["not measured"])])


def _block(record: TrialRecord) -> str:
    notes = [f"{record.trial}: {record.status}: {record.reason}"] if record.reason else [record.trial]
    return "\n".join([*notes, wrk_text(record.load, latency=True).rstrip()] if record.load else notes)
