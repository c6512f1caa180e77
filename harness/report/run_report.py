"""A run as reports tell it: what follows from its records, and what is said of that, computed once for all of them."""

from functools import cached_property

from harness.analysis.run import RunAnalysis
from harness.report.findings import Finding, findings
from harness.report.headline import headline
from harness.report.summary import TopologySummary, summarise


class RunReport(RunAnalysis):
    """The one object that every report is made from."""

    @cached_property
    def summaries(self) -> list[TopologySummary]:
        """Every topology of the run, in the scenario's order."""
        return summarise(self.run, self.trials, self.comparisons)

    @cached_property
    def headline(self) -> str:
        """The answer, in Markdown."""
        return headline(self.run, self.summaries, self.rows)

    @cached_property
    def findings(self) -> list[Finding]:
        """What weakens it, most serious first."""
        return findings(self.run, self.summaries)
