"""What a reader must know before trusting the figures: each finding is typed data with its advice."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.record import Run
from harness.report.summary import TopologySummary, unsound
from harness.stats.verdict import Verdict
from harness.units import duration_text


@dataclass(frozen=True)
class Finding:
    """``what`` was found and what to do about it, each a sentence."""

    what: str
    advice: str


def findings(run: Run, summaries: list[TopologySummary]) -> list[Finding]:
    """Everything about this run that weakens it, most serious first."""
    return [
        *_incomplete(run),
        *_bodies(run),
        *_generator(summaries),
        *_cores(run, summaries),
        *_idle_workers(summaries),
        *_single_round(run),
        *_open_verdicts(run, summaries),
        *_bootstrap(summaries),
        *_machine(run),
        *_latency(run, summaries),
    ]


def _incomplete(run: Run) -> Iterator[Finding]:
    if not run.is_whole:
        yield Finding(
            f"The run was cut short after {len(run.records)} of up to {len(run.info.trials)} trials.",
            "Run it again to the end before deciding on it.",
        )
    if run.unreadable:
        yield Finding(
            f"{run.unreadable} of the records could not be read and are left out.",
            "A half-written last line is what a killed run leaves; anything else means that the file was changed.",
        )
    for skipped in run.info.skipped:
        yield Finding(f"`{skipped.name}` was skipped: {skipped.reason}.", "Install it to have the topology measured.")
    if left_out := unsound(run):
        yield Finding(
            f"{len(left_out)} of {len(run.records)} trials failed or are invalid;"
            " they are listed, and not averaged in.",
            "Look at their logs first: a server that does not stay up is not to be compared by its speed.",
        )


def _bodies(run: Run) -> Iterator[Finding]:
    sizes = {record.topology: record.body_bytes for record in run.records if record.body_bytes is not None}
    digests = {record.body_sha256 for record in run.records if record.body_bytes is not None}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size:,} B" for name, size in sizes.items())
        yield Finding(
            f"The topologies do not send the same page: {listed}.",
            "Compare like with like: make them answer with the same bytes.",
        )
    elif len(digests - {None}) > 1:
        yield Finding(
            "The topologies send pages of the same size with different content.",
            "Make sure that they do the same work.",
        )
    if None in digests:
        yield Finding(
            "Some answers to the same request differ from each other, so bodies were not checked.",
            "A page without times, tokens and random parts can be checked on every sampled response.",
        )


def _generator(summaries: list[TopologySummary]) -> Iterator[Finding]:
    for summary in summaries:
        bound = [trial.load for trial in summary.trials if trial.load.generator_bound]
        if bound:
            first = bound[0].doubts[0]
            yield Finding(
                f"`{summary.name}`: {len(bound)} of {len(summary.trials)} trials are generator-bound: {first.what}",
                f"Nothing about the server follows from their figures. {first.advice}",
            )


def _cores(run: Run, summaries: list[TopologySummary]) -> Iterator[Finding]:
    cores = run.environment.usable_cores
    workers = max((summary.topology.workers or 1 for summary in summaries), default=1)
    if workers + run.info.placement.processes > cores:
        yield Finding(
            f"{workers} worker{'s' if workers > 1 else ''} and the generator share"
            f" {cores} core{'s' if cores > 1 else ''}.",
            "More workers than free cores measure contention, not scaling: repeat on a larger machine.",
        )


def _idle_workers(summaries: list[TopologySummary]) -> Iterator[Finding]:
    idle = {s.name: len({share.trial_block for share in s.workers if share.requests == 0}) for s in summaries}
    told = [f"`{s.name}` in {idle[s.name]} of {len(s.trials)} trials" for s in summaries if idle[s.name]]
    if told:
        yield Finding(
            f"Some workers answered nothing: {', '.join(told)}.",
            "The kernel gives a new connection to whichever worker accepts first, and keep-alive keeps it there:"
            " offer more connections, or have the workers listen with SO_REUSEPORT.",
        )


def _single_round(run: Run) -> Iterator[Finding]:
    if max((record.block for record in run.records), default=0) == 1:
        yield Finding(
            "A single round gives no intervals.", "Use at least five rounds before calling anything a difference."
        )


def _open_verdicts(run: Run, summaries: list[TopologySummary]) -> Iterator[Finding]:
    compared = [each for summary in summaries for each in summary.comparisons if len(each.log_ratios) > 1]
    unsettled = [each for each in compared if not each.is_settled]
    if not unsettled:
        return
    rounds = [each.more_rounds for each in unsettled]
    known = [count for count in rounds if count is not None]
    each_s = sum(run.scenario.load.warmup_s + run.scenario.load.duration_s for _ in run.scenario.topologies)
    needed = (
        f"About {max(known):,} more rounds ({duration_text(max(known) * each_s)} of load) would probably settle them."
        if len(known) == len(rounds)
        else "Some would take more than a thousand rounds: try longer windows, or a quieter machine."
    )
    yield Finding(
        f"{len(unsettled)} of {len(compared)} comparisons are inconclusive, which is not the same as equal.", needed
    )


def _bootstrap(summaries: list[TopologySummary]) -> Iterator[Finding]:
    """Where an interval that supposes no shape of the noise says something else, outliers decide."""
    doubtful = [
        f"`{each.topology}` {each.metric.title}"
        for summary in summaries
        for each in summary.comparisons
        if each.verdict in (Verdict.FASTER, Verdict.SLOWER)
        and each.bootstrap
        and each.bootstrap[0] <= 1 <= each.bootstrap[1]
    ]
    if doubtful:
        yield Finding(
            f"The bootstrap interval holds 1, against the verdict: {', '.join(doubtful)}.",
            "A few trials decide here: look at the dots in the chart, and measure more rounds.",
        )


def _machine(run: Run) -> Iterator[Finding]:
    load, cores = run.environment.load_before[0], run.environment.usable_cores
    if load > cores / 2:
        yield Finding(
            f"The machine was busy before the run began (load average {load:.2f} on {cores} cores).",
            "End what else is running and repeat.",
        )


def _latency(run: Run, summaries: list[TopologySummary]) -> Iterator[Finding]:
    if timeouts := sum(summary.errors.timeout for summary in summaries):
        yield Finding(
            f"{timeouts} requests timed out. They are in the latencies as at least the timeout.",
            "wrk drops them, which flatters a server under pressure: do not set these latencies beside wrk's.",
        )
    if killed := sum(summary.errors.failed for summary in summaries):
        yield Finding(f"{killed} requests failed without a response.", "See the table of errors for which kind.")
    if bad := sum(summary.errors.status for summary in summaries):
        expected = ", ".join(map(str, run.scenario.load.expect.statuses))
        yield Finding(
            f"{bad} responses had a status {f'other than {expected}' if expected else 'of 400 or more'}.",
            "Error pages are often faster than real ones: the requests/s counts them.",
        )
