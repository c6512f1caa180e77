"""Latency against the rate that was offered, with the objective, what each topology carries, and where it is full."""

from typing import Final

from matplotlib.figure import Figure

from harness.analysis.capacity import Capacity, Probe
from harness.record import Run
from harness.report.charts.style import MUTED, figure, look, name_lines
from harness.scenario import Objective
from harness.units import NS_PER_MS

USUAL_PERCENT: Final = 99.0  # where no objective speaks of latency


def draw(run: Run, found: list[Capacity]) -> Figure:
    """A mark a probe, hollow where it broke an objective; the band is the interval of the answer, the dashes the
    throughput in a closed loop, and a caret below the axis marks the knee."""
    percent = percent_of(run.info.objectives)
    drawn = figure(f"{run.scenario.name}: p{percent:g} against the rate offered")
    axes = drawn.add_subplot()
    for objective in run.info.objectives:
        if objective.limit_ms is not None:
            axes.axhline(objective.limit_ms, color=MUTED, linestyle=":", linewidth=1.2)
            place, apart = (0, objective.limit_ms), (4, 3)
            axes.annotate(objective.text, place, apart, ("axes fraction", "data"), "offset points", color=MUTED)
    for index, each in enumerate(found):
        style = look(index)
        told = [(probe, latency) for probe in each.probes if (latency := latency_at(probe, percent)) is not None]
        for is_kept, face in ((True, style.colour), (False, "none")):
            marks = [(probe.rate_per_s, latency) for probe, latency in told if probe.is_kept is is_kept]
            axes.scatter(
                [rate for rate, _ in marks],
                [latency for _, latency in marks],
                marker=style.marker,
                facecolors=face,
                edgecolors=style.colour,
                s=36,
                label=each.topology.name if is_kept else None,
                zorder=3,
            )
        if each.rate and each.rate.low is not None and each.rate.high is not None:
            axes.axvspan(each.rate.low, each.rate.high, color=style.colour, alpha=0.15, linewidth=0)
        if each.rate:
            axes.axvline(each.rate.value, color=style.colour, linewidth=1)
        if each.saturation:
            axes.axvline(each.saturation.value, color=style.colour, linestyle="--", linewidth=1)
        if each.knee:
            below = axes.get_xaxis_transform()
            axes.plot(each.knee.rate_per_s, -0.02, marker="^", color=style.colour, transform=below, clip_on=False)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(left=0)
    axes.set_xlabel("requests/s offered (band: carried, with its interval; dashes: saturated; ▲ knee)")
    axes.set_ylabel(f"p{percent:g}, ms (hollow: an objective was broken)")
    name_lines(drawn, axes)
    return drawn


def percent_of(objectives: list[Objective]) -> float:
    """The percentile that the first objective on latency is about."""
    told = [100 * (1 - objective.allowed) for objective in objectives if objective.limit_ms is not None]
    return round(told[0], 4) if told else USUAL_PERCENT


def latency_at(probe: Probe, percent: float) -> float | None:
    """That percentile (ms); None where no request ended."""
    return probe.latencies.percentiles_ns([percent])[0] / NS_PER_MS if probe.latencies.total else None
