"""The machines of a fleet that made the rounds and the load, and what that means for the figures, in words."""

from collections.abc import Iterator, Sequence
from typing import Final

from scipy.stats import f_oneway

from harness.analysis.run import RunAnalysis
from harness.load.result import GeneratorHost
from harness.record import Run
from harness.report.figures import ratio_text
from harness.report.markup import plain
from harness.stats.estimate import ratio_of_logs
from harness.units import US_PER_MS, ms_text, rate_text

LEVEL: Final = 0.05  # of the test whether rigs differ in what they find
MIN_ROUNDS: Final = 2  # of each rig, for that test


def fleet_texts(run: Run) -> Iterator[str]:
    """Yield which machines made the rounds and generated the load, a sentence or two in Markdown; nothing of a run on
    one machine."""
    servers = [f"`{plain(rig.server)}`" for rig in run.info.rigs]
    if not servers:
        return
    made = {
        rig.server: len({record.block for record in run.records if record.rig == rig.server}) for rig in run.info.rigs
    }
    if len(servers) > 1:
        counts = ", ".join(f"`{plain(server)}` {number}" for server, number in made.items())
        yield f"Rounds were made on {len(servers)} machines at once ({counts}); the verdicts hold on these machines."
    else:
        yield f"The server ran on {servers[0]}."
    yield from _generator_texts(run)


def _generator_texts(run: Run) -> Iterator[str]:
    """Yield where the load came from, if from elsewhere, and what the way there adds to the latencies."""
    loads = [record.load for record in run.records if record.load and record.load.hosts]
    if not loads:
        return
    by_name: dict[str, list[tuple[GeneratorHost, float]]] = {}
    for load in loads:
        for host in load.hosts:
            by_name.setdefault(host.name, []).append((host, load.duration_s))
    rates = ", ".join(
        f"`{plain(name)}` {rate_text(sum(host.requests for host, _ in those) / sum(each_s for _, each_s in those))}/s"
        f" by {those[0][0].processes} process{'' if those[0][0].processes == 1 else 'es'}"
        for name, those in by_name.items()
    )
    every = [host for those in by_name.values() for host, _ in those]
    trip_ms, bound_ms, begun_ms = (
        max(values) / US_PER_MS
        for values in (
            [host.round_trip_us for host in every],
            [host.bound_us for host in every],
            [host.begun_us for host in every],
        )
    )
    apart = f", and they began within {ms_text(begun_ms)} of each other" if len(by_name) > 1 else ""
    yield (
        f"The load came from {rates}. The response times hold the network in between: a message there and back took"
        f" {ms_text(trip_ms)} at the most where nothing was in line. The generators' clocks were known to"
        f" ±{ms_text(bound_ms)}{apart}."
    )


def unlike_rigs_texts(analysis: RunAnalysis) -> Iterator[str]:
    """Yield each comparison by the deciding metric that comes out differently on different machines, by an F test of
    the log-ratios of their rounds (one-way analysis of variance)."""
    for summary in analysis.measured_summaries:
        for comparison in summary.comparisons[:1]:
            pairs = comparison.logs
            if pairs is None or not pairs.has_rigs:
                continue
            by_rig = {rig: _logs_of(pairs.logs, pairs.rigs, rig) for rig in dict.fromkeys(pairs.rigs)}
            if min(map(len, by_rig.values())) < MIN_ROUNDS:
                continue
            if f_oneway(*by_rig.values()).pvalue < LEVEL:
                each = ", ".join(f"{ratio_text(ratio_of_logs(logs))} on `{plain(rig)}`" for rig, logs in by_rig.items())
                yield f"`{summary.name}` does not come out alike on the machines: {each}."


def _logs_of(logs: Sequence[float], rigs: Sequence[str], rig: str) -> list[float]:
    return [log for log, each in zip(logs, rigs, strict=True) if each == rig]
