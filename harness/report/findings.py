"""The findings that a reader must know before trusting the figures, each with its advice."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from harness.analysis.bottleneck import Bottleneck
from harness.analysis.pools import NEARLY_ALL, connections_to_services, fullest_process
from harness.analysis.run import RunAnalysis
from harness.analysis.summary import rejected_records
from harness.load.spec import SAFE_METHODS
from harness.record import Run
from harness.report.figures import percent_text
from harness.report.finding import Finding
from harness.report.fleet import unlike_rigs_texts
from harness.report.malloc import allocators_of
from harness.report.markup import plain
from harness.report.outlying import find_deciding_rounds
from harness.report.page_faults import fault_cost_text, mode_texts
from harness.report.pools import changed_within, growth_text, replaced_text, replacing_option
from harness.report.services import services_text
from harness.report.slice_findings import find_slice_findings
from harness.stats.verdict import Verdict
from harness.units import duration_text

NOT_THE_SERVER: Final = {
    Bottleneck.GENERATOR: "Their throughput and response times are judged nowhere; their CPU, memory and errors are.",
    Bottleneck.MACHINE: "Their figures are those of the machine as much as of the server.",
    Bottleneck.LIMIT: "The limit is the topology's own (cpus), as it would be in production: fewer workers lose less to"
    " it, or raise it.",
    Bottleneck.NETWORK: "The network was full, or lost what was sent: send smaller responses, or have a faster link.",
    Bottleneck.CONNECTIONS: "The server had time left, and could have served more at a time: offer more connections.",
    Bottleneck.PROCESS: "That process is full, not the workers: have more of it, or give it less to do.",
    Bottleneck.SERVICE: "The service is full, not the server, and more workers would wait for it too: ask less of it,"
    " or give it more.",
    Bottleneck.ACKS: "That is the time of a delayed ACK, until which Nagle's algorithm keeps the second of two"
    " small writes back: set TCP_NODELAY on the server's connections, or have it write head and body at once"
    " (buffered writes).",
    Bottleneck.DISK: "It waits for storage, not for the CPU: write in batches or with fewer fsync, keep what is read in"
    " memory, or use a faster disk.",
    Bottleneck.LOCKS: "Its threads wait for each other: hold locks for less time, share less, or have more processes.",
    Bottleneck.CONCURRENCY: "More threads or workers would serve more at a time, unless a lock or a pool of connections"
    " lets so few through.",
    Bottleneck.STARVED: "The server had time left: offer more connections, or look for what it waits for.",
}

ALLOCATORS: Final = {"none": "no library that is known, as of a static program"}  # in words, where the name says less
HASH_SEED: Final = "PYTHONHASHSEED"
MAX_RECONNECTED: Final = 0.01  # of all requests
MAX_CORE_SPEED_CHANGE: Final = 1.2  # between the fastest and the slowest trial
MAX_LISTED: Final = 5  # of the lines that are left out
CHECKS_REPORTED_ELSEWHERE: Final = ("cores",)  # as the finding that a topology is oversubscribed


def _incomplete(analysis: RunAnalysis) -> Iterator[Finding]:
    run = analysis.run
    if not run.is_whole:
        yield Finding(
            f"The run was cut short after {len(run.records)} of up to {len(run.info.trials)} trials"
            f"{_cut_by_text(run)}.",
            "Run it again to the end before deciding on it.",
        )
    if run.left_out:
        more = f", and {len(run.left_out) - MAX_LISTED} more" if len(run.left_out) > MAX_LISTED else ""
        yield Finding(
            f"Of trials.jsonl is left out: {plain('; '.join(run.left_out[:MAX_LISTED]))}{more}.",
            "A half-written record is what a killed run leaves; anything else means that the file was changed.",
        )
    if run.is_edited:
        yield Finding(
            "scenario.json is not what it was when the run began.",
            "What is said here of the load and the topologies may not be what was measured.",
        )
    if run.ending and run.ending.failure:
        yield Finding(
            f"Beside the trials there was a failure: {plain(run.ending.failure)}.",
            "The trials above were over and count; see to what it may have left behind.",
        )
    if run.ending and run.ending.resumed_at:
        yield Finding(
            f"The run was interrupted, and gone on with {_times_text(len(run.ending.resumed_at))}, the last time"
            f" {run.ending.resumed_at[-1]:%Y-%m-%d %H:%M} UTC, {_resumed_after_text(run)} after it began.",
            "Comparisons within rounds are not touched by that, but for the round in which it happened.",
        )
    for skipped in run.info.skipped:
        yield Finding(
            f"`{skipped.name}` was skipped: {plain(skipped.reason)}.", "Install it to have the topology measured."
        )
    if left_out := rejected_records(run):
        yield Finding(
            f"{len(left_out)} of {len(run.records)} trials failed or are invalid;"
            " they are listed, and not averaged in.",
            "Read their reasons first: what does not stay up, or is not what the scenario says, can't be compared.",
        )


def _cut_by_text(run: Run) -> str:
    """Return what cut the run short, where it was not somebody who pressed Ctrl-C or killed it."""
    if run.ending is None or run.ending.reason != "machines lost":
        return ""
    reasons = dict.fromkeys(record.reason for record in run.records if record.status == "failed" and record.reason)
    return f", since all machines that made rounds were lost ({plain('; '.join(list(reasons)[-MAX_LISTED:]))})"


def _pools(analysis: RunAnalysis) -> Iterator[Finding]:
    run = analysis.run
    for summary in analysis.summaries:
        if grown := growth_text(run, summary):
            mixed = "A longer warm-up lets it settle first. " if changed_within(run, summary) else ""
            yield Finding(
                grown, f"{mixed}What is said of its workers is said of those that were there as the window began."
            )
        if replaced := replaced_text(run, summary):
            yield Finding(
                replaced,
                f"{replacing_option(run, summary)} does this, in production too, so the trials count. To leave it out,"
                " switch that off, or say workers_may_change = false.",
            )


def _times_text(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _resumed_after_text(run: Run) -> str:
    assert run.ending
    return duration_text((run.ending.resumed_at[-1] - run.info.started_at).total_seconds())


def _unlike_bodies(analysis: RunAnalysis) -> Iterator[Finding]:
    run = analysis.run
    answered = [record for record in run.records if record.body_bytes is not None]
    sizes = {record.topology: record.body_bytes for record in answered}
    digests = {name: {each.body_sha256 for each in answered if each.topology == name} for name in sizes}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size:,} B" for name, size in sizes.items())
        yield Finding(
            f"The topologies do not send the same page: {listed}.",
            "Compare like with like: make them answer with the same bytes.",
        )
    elif len({digest for of in digests.values() if len(of) == 1 for digest in of} - {None}) > 1:
        yield Finding(
            "The topologies send pages of the same size with different content.",
            "Make sure that they do the same work.",
        )
    if not run.scenario.load.expect.wants_same_body:
        return
    if not any(request.method in SAFE_METHODS for request in run.scenario.load.requests):
        yield Finding(
            "The requests are not safe to be sent again for comparison, so bodies were not checked.",
            "Say with expect_body or expect_length in [load] what a body has to be.",
        )
    elif any(None in of for of in digests.values()):
        yield Finding(
            "Some answers to the same request differ from each other, so bodies were not checked.",
            'What they have in common can be: say expect_body = "contains:TEXT" or "matches:REGEX" in [load].',
        )


def _unchecked_bodies(analysis: RunAnalysis) -> Iterator[Finding]:
    unchecked = [sum(trial.load.is_unchecked for trial in summary.trials) for summary in analysis.summaries]
    if any(unchecked):
        yield Finding(
            f"No body could be checked in trials, though one was expected: {_trials_text(analysis, unchecked)}.",
            "What they sent may have been anything: give the load a longer window.",
        )


def _certificates(analysis: RunAnalysis) -> Iterator[Finding]:
    topologies = analysis.run.scenario.topologies
    if unchecked := [each.name for each in topologies if each.scheme == "https" and not each.ca_file]:
        yield Finding(
            f"Certificates were not checked: {', '.join(f'`{name}`' for name in unchecked)}.",
            "Nobody else answers on this machine; ca_file in the [[topology]] has them checked all the same.",
        )


def _limits(analysis: RunAnalysis) -> Iterator[Finding]:
    for limit, advice in NOT_THE_SERVER.items():
        limited = [
            [trial for trial in summary.trials if trial.limiting.limit is limit] for summary in analysis.summaries
        ]
        if any(limited):
            first = next(trial for trials in limited for trial in trials)
            doubt = f" {plain(first.load.doubts[0].advice)}" if first.load.doubts else ""
            counts = _trials_text(analysis, map(len, limited))
            yield Finding(
                f"Trials were {limit.value}: {counts}; for instance, {plain(first.limiting.why)}", f"{advice}{doubt}"
            )


def _trials_text(analysis: RunAnalysis, counts: Iterable[int]) -> str:
    """Return in how many of its trials it was so, for each topology of which a trial is counted."""
    return ", ".join(
        f"`{s.name}` in {count} of {len(s.trials)}"
        for s, count in zip(analysis.summaries, counts, strict=True)
        if count
    )


def _oversubscription(analysis: RunAnalysis) -> Iterator[Finding]:
    wanting = [summary for summary in analysis.summaries if summary.is_oversubscribed]
    if wanting:
        free = wanting[0].trials[0].free_cores
        run = analysis.run
        is_apart = run.info.placement.generator or any(rig.generators for rig in run.info.rigs)
        generator = "" if is_apart else ", shared with the generator"
        wanted = ", ".join(f"`{summary.name}` could have used {summary.demanded_cores:.1f}" for summary in wanting)
        yield Finding(
            f"Oversubscribed: {wanted} of {free:.3g} core{'' if free == 1 else 's'}{generator}.",
            "Servers that lack cores measure contention, not scaling: repeat on a larger machine.",
        )


def _lost_cpu(analysis: RunAnalysis) -> Iterator[Finding]:
    lost = [sum(trial.usage.is_cpu_lost for trial in summary.trials) for summary in analysis.summaries]
    if any(lost):
        yield Finding(
            f"CPU of processes that ended is in nobody's account, since their parents ignore SIGCHLD:"
            f" {_trials_text(analysis, lost)}.",
            "Their CPU per request is more than is told: let the server wait for its children to have it counted.",
        )


def _imbalance(analysis: RunAnalysis) -> Iterator[Finding]:
    for summary in analysis.summaries:
        found = summary.imbalance
        if found and found.is_beyond_chance:
            yield Finding(
                f"`{summary.name}` is imbalanced: its busiest worker answered {found.busiest_share:.0%} of the"
                " requests,"
                f" where {found.fair_share:.0%} is fair and chance seldom deals it more than {found.chance_share:.0%}.",
                "The kernel gives a new connection to whichever worker accepts first, and keep-alive keeps it there:"
                " offer more connections, or have the workers listen with SO_REUSEPORT.",
            )


def _unsteady_trials(analysis: RunAnalysis) -> Iterator[Finding]:
    never = [sum(trial.never_settled for trial in summary.trials) for summary in analysis.summaries]
    if any(never):
        yield Finding(
            f"Trials never settled: {_trials_text(analysis, never)}. Their speed went on changing until the end.",
            "Their means depend on how long the window was: give the load a longer warm-up, or look for what piles up.",
        )


def _single_round(analysis: RunAnalysis) -> Iterator[Finding]:
    if max((record.block for record in analysis.run.records), default=0) == 1:
        yield Finding(
            "A single round gives no intervals.", "Use at least five rounds before calling anything a difference."
        )


def _open_verdicts(analysis: RunAnalysis) -> Iterator[Finding]:
    run = analysis.run
    running = [summary for summary in analysis.summaries if summary.name not in analysis.dropped]
    compared = [each for summary in running for each in summary.comparisons if len(each.pairs) > 1]
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


def _bootstrap(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield where outliers decide: the bootstrap, which assumes no shape of the noise, contradicts the verdict."""
    doubtful = [
        f"`{each.topology}` {plain(each.metric.title)}"
        for summary in analysis.summaries
        for each in summary.comparisons
        if each.verdict in (Verdict.BETTER, Verdict.WORSE)
        and each.bootstrap
        and each.bootstrap[0] <= 1 <= each.bootstrap[1]
    ]
    if doubtful:
        yield Finding(
            f"The bootstrap interval holds 1, against the verdict: {', '.join(doubtful)}.",
            "A few trials decide here: look at the dots in the chart, and measure more rounds.",
        )


def _core_speed(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield that the cores' speed changes between trials of one topology, though no process here takes their time."""
    paces_us = [[trial.pace_us for trial in summary.trials if trial.pace_us] for summary in analysis.summaries]
    spreads = [(max(each) / min(each), min(each), max(each)) for each in paces_us if each]
    spread, least_us, most_us = max(spreads, default=(1.0, 0.0, 0.0))
    if spread <= MAX_CORE_SPEED_CHANGE:
        return
    adjusted = [f"`{summary.name}`" for summary in analysis.summaries if summary.is_at_equal_core_speed]
    corrected = f"What it does to {', '.join(adjusted)} is taken out; the" if adjusted else "The"
    yield Finding(
        f"The same piece of work took {least_us:,.0f} to {most_us:,.0f} µs of CPU on the server's cores, trial by"
        " trial: something that can't be seen from here slows them, such as a neighbour on the other half of each.",
        f"{corrected} others are compared by more rounds only, or on a machine of your own.",
    )


def _page_faults(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield that launches differ by the memory that they take from the kernel, or that all of them take much."""
    yield from (Finding(*texts) for texts in mode_texts(analysis))
    if texts := fault_cost_text(analysis):
        yield Finding(*texts)


def _unlike_rigs(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield that the machines of a fleet do not agree on a comparison."""
    for text in unlike_rigs_texts(analysis):
        yield Finding(text, "What is said of it is the mean over these machines: look at each by itself.")


def _machine(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield what the doctor warned of before the first trial."""
    for check in analysis.run.info.checks:
        if check.status == "warn" and check.name.split(": ")[-1] not in CHECKS_REPORTED_ELSEWHERE:
            yield Finding(f"This machine, {plain(check.name)}: {plain(check.what)}.", plain(check.advice or ""))


def _latency(analysis: RunAnalysis) -> Iterator[Finding]:
    run = analysis.run
    if timeouts := sum(summary.errors.timeout for summary in analysis.summaries):
        yield Finding(
            f"{timeouts} requests timed out, after {duration_text(run.scenario.load.timeout_s)} (timeout). They are in"
            " the latencies as at least that.",
            "wrk drops them, which flatters a server under pressure: do not set these latencies beside wrk's.",
        )
    if killed := sum(summary.errors.failed for summary in analysis.summaries):
        yield Finding(f"{killed} requests failed without a response.", "See the table of errors for which kind.")
    if bad := sum(summary.errors.status for summary in analysis.summaries):
        expected = ", ".join(map(str, run.scenario.load.expect.statuses))
        yield Finding(
            f"{bad} responses had a status {f'other than {expected}' if expected else 'of 400 or more'}.",
            "Error pages are often faster than real ones: the requests/s counts them.",
        )


def _connections(analysis: RunAnalysis) -> Iterator[Finding]:
    again = [s for s in analysis.summaries if s.reconnected_share > MAX_RECONNECTED]
    if again:
        shares = ", ".join(f"`{s.name}` {percent_text(s.reconnected_share)}" for s in again)
        yield Finding(
            f"The server closes connections without saying so; requests that were sent again on a new one: {shares}.",
            "That costs a connection each, and users meet it too: have the server announce it (Connection: close) or"
            " keep connections for longer, or measure it with keepalive = false.",
        )
    if stale := sum(summary.errors.stale for summary in analysis.summaries):
        yield Finding(
            f"{stale} requests failed on connections that the server had closed without saying so.",
            "They are not idempotent, so they were not sent again: see keepalive = false.",
        )


def _running_out(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield what topologies held nearly all of: connections that a service allows, and descriptors."""
    allowed = {each.name: each.max_connections for each in analysis.run.scenario.services if each.max_connections}
    for summary in analysis.measured_summaries:
        for name, held in connections_to_services(summary.trials).items():
            if name in allowed and held >= NEARLY_ALL * allowed[name]:
                yield Finding(
                    f"`{summary.name}` held {held} connections to {name}, which allows {allowed[name]}"
                    " (max_connections).",
                    "One more worker or host may get none: have each open fewer, or share them in a pool before it.",
                )
        if (fullest := fullest_process(summary.trials)) is not None:
            yield Finding(
                f"A process of `{summary.name}` had {fullest[0]:,} of the {fullest[1]:,} descriptors open that it may"
                " have.",
                "More connections will be refused: raise its limit (ulimit -n, LimitNOFILE).",
            )


def _services(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield what the services beside the servers used."""
    used = [text for summary in analysis.summaries if (text := services_text(summary.name, summary.trials))]
    if used:
        yield Finding(
            f"Services beside the servers used CPU of their own: {'; '.join(used)}.",
            "It is in no figure of a topology, and has to be planned for too.",
        )


def _hash_seed(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield the topologies whose hash seed is the same in every launch."""
    fixed = [
        f"`{topology.name}`"
        for topology in analysis.run.scenario.topologies
        if topology.env.get(HASH_SEED, "random").isdecimal() or HASH_SEED in topology.pass_env
    ]
    if fixed:
        yield Finding(
            f"{HASH_SEED} is the same in every launch of {', '.join(fixed)}.",
            "A server compared with itself scatters less then than two versions of it do, and what is so of one seed"
            " need not be so of others: leave it out.",
        )


def _malloc(analysis: RunAnalysis) -> Iterator[Finding]:
    """Yield the topologies whose malloc was told to keep its memory and serves nothing."""
    run = analysis.run
    for topology in run.scenario.topologies:
        found = allocators_of(run, topology.name)
        if topology.malloc == "keep" and found and "glibc" not in found:
            yield Finding(
                f'`malloc = "keep"` has no effect on `{topology.name}`: its memory is from'
                f" {', '.join(sorted(ALLOCATORS.get(each, each) for each in found))}.",
                "Only glibc's malloc reads what it sets: leave it out there, and expect no change.",
            )


_CHECKS: Final[Sequence[Callable[[RunAnalysis], Iterator[Finding]]]] = (  # the most serious first
    _incomplete,
    _pools,
    _unlike_bodies,
    _unchecked_bodies,
    _limits,
    _oversubscription,
    _lost_cpu,
    _imbalance,
    _unsteady_trials,
    find_slice_findings,
    _single_round,
    _open_verdicts,
    find_deciding_rounds,
    _bootstrap,
    _core_speed,
    _page_faults,
    _machine,
    _latency,
    _connections,
    _certificates,
    _running_out,
    _services,
    _hash_seed,
    _malloc,
    _unlike_rigs,
)


def collect_findings(analysis: RunAnalysis) -> list[Finding]:
    """Return everything about this run that weakens its figures, most serious first."""
    return [finding for check in _CHECKS for finding in check(analysis)]
