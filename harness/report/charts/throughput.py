"""Requests/s of each topology: every trial as a dot, beside the mean and its interval."""

import numpy as np
from matplotlib.figure import Figure

from harness.record import Run
from harness.report.charts.style import (
    MOST_MARKS,
    figure,
    look,
    name_ticks,
    times_over,
    top_for,
    trials_text,
    width_for,
)
from harness.report.summary import TopologySummary

APART = 0.16  # between a topology's dots and its interval, in columns


def draw(run: Run, summaries: list[TopologySummary]) -> Figure:
    """One column a topology."""
    intervals = "; bar: mean and its 95 % interval" if any(len(summary.trials) > 1 for summary in summaries) else ""
    one_in = times_over(sum(len(summary.trials) for summary in summaries), MOST_MARKS)
    title = f"{run.scenario.name}: throughput (dot: {trials_text(one_in)}{intervals})"
    drawn = figure(title, width_for(summaries))
    axes = drawn.add_subplot()
    for column, summary in enumerate(summaries):
        estimate, style = summary.requests_per_s, look(column)
        rates = [trial.load.requests_per_s for trial in summary.trials[::one_in]]
        spread = np.linspace(-0.06, 0.06, len(rates)) if len(rates) > 1 else [0.0]
        axes.plot(
            column - APART + np.asarray(spread), rates, style.marker, color=style.colour, alpha=0.55, markersize=5
        )
        if estimate is None:
            continue
        if estimate.low is not None and estimate.high is not None:
            error = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
            axes.errorbar(column + APART, estimate.value, yerr=error, color=style.colour, capsize=5, linewidth=1.8)
        axes.plot(column + APART, estimate.value, "_", color=style.colour, markersize=16, markeredgewidth=2.5)
        axes.annotate(
            f"{estimate.value:,.0f}" if estimate.value >= 100 else f"{estimate.value:.1f}",
            (column + APART, estimate.value),
            xytext=(11, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    name_ticks(axes, summaries)
    axes.set_xlim(-0.6, len(summaries) - 0.3)
    every = [trial.load.requests_per_s for summary in summaries for trial in summary.trials]
    axes.set_ylim(0, top_for(every, [s.requests_per_s.high for s in summaries if s.requests_per_s]))
    axes.set_ylabel("requests/s")
    return drawn
