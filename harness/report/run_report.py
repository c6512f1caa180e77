"""The one object that every report of a run is rendered from."""

from functools import cached_property

from harness.analysis.run import RunAnalysis
from harness.report.finding import Finding
from harness.report.findings import collect_findings
from harness.report.headline import render_headline


class RunReport(RunAnalysis):
    """An analysed run with the sentences that several reports share. Each is computed at first use and then kept."""

    @cached_property
    def headline(self) -> str:
        """The answer, in Markdown."""
        return render_headline(self)

    @cached_property
    def findings(self) -> list[Finding]:
        """The findings that weaken the figures, most serious first."""
        return collect_findings(self)
