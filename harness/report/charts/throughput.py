"""Good responses/s of each topology: every trial as a dot, hollow where the generator is doubted, beside the mean of
those that count and its interval."""

import numpy as np
from matplotlib.figure import Figure

from harness.analysis.metrics import THROUGHPUT
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
    is_doubted = any(summary.doubted for summary in summaries)
    doubted = "\nhollow: the generator was late, in the mean only where it always was" if is_doubted else ""
    title = f"{run.scenario.name}: throughput (dot: {trials_text(one_in)}{intervals}){doubted}"
    drawn = figure(title, width_for(summaries))
    axes = drawn.add_subplot()
    for column, summary in enumerate(summaries):
        estimate, style = summary.requests_per_s, look(column)
        trials = summary.trials[::one_in]
        places = column - APART + (np.linspace(-0.06, 0.06, len(trials)) if len(trials) > 1 else np.zeros(len(trials)))
        for is_sound, fill in ((True, style.colour), (False, "none")):
            marks = [each for each in zip(places, trials, strict=True) if THROUGHPUT.is_sound(each[1]) is is_sound]
            axes.plot(
                [place for place, _ in marks],
                [trial.good_per_s for _, trial in marks],
                style.marker,
                color=style.colour,
                markerfacecolor=fill,
                alpha=0.55,
                markersize=5,
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
    every = [trial.good_per_s for summary in summaries for trial in summary.trials]
    axes.set_ylim(0, top_for(every, [s.requests_per_s.high for s in summaries if s.requests_per_s]))
    axes.set_ylabel("good responses/s")
    return drawn
