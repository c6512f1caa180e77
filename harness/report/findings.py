"""What a reader must know before trusting the figures: each finding is typed data with its advice."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.record import Run
from harness.report.summary import TopologySummary, unsound


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
        *_rounds(run),
        *_machine(run),
        *_latency(run, summaries),
    ]


def _incomplete(run: Run) -> Iterator[Finding]:
    missing = len(run.info.trials) - len(run.records) - run.unreadable
    if missing:
        yield Finding(
            f"The run was cut short: {missing} of {len(run.info.trials)} planned trials were not made.",
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


def _rounds(run: Run) -> Iterator[Finding]:
    if run.scenario.rounds == 1:
        yield Finding(
            "A single round gives no intervals.", "Use at least five rounds before calling anything a difference."
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
