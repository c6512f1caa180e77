"""The metrics by which topologies are compared: each with its margin, and the doubts that would spoil it."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.analysis.trials import Trial
from harness.load.result import HealthWarningKind
from harness.scenario import Gate, Scenario
from harness.stats.verdict import Verdict


class Scale(enum.Enum):
    """The way in which two figures of a metric are compared: by their ratio or, where they may be zero, by their
    difference; shares of requests by a permutation test."""

    RATIO = "ratio"
    DIFFERENCE = "difference"
    SHARE = "share"


@dataclass(frozen=True)
class Metric:
    """One figure of a trial. ``of`` returns it, or None where the trial does not have it.

    Differences within ``margin`` count as equal. It is relative to the baseline's figure or, where figures are compared
    by their difference, in the metric's unit, and may then follow from the baseline's trials; None where the scenario's
    margin holds. ``doubted_by`` are the doubts about the generator that spoil it. ``is_least`` tells whether a trial's
    figure is only the least that it may be. ``better`` and ``worse`` are the verdicts in the metric's own words.
    """

    name: str
    title: str
    unit: str
    more_is_better: bool
    of: Callable[[Trial], float | None]
    better: str
    worse: str
    margin: float | Callable[[Trial], float] | None = None
    scale: Scale = Scale.RATIO
    doubted_by: frozenset[HealthWarningKind] = frozenset()
    is_least: Callable[[Trial], bool] = lambda _: False

    def word(self, verdict: Verdict) -> str:
        """Return the verdict in this metric's word: more CPU per request is not "slower" but "more"."""
        return {Verdict.BETTER: self.better, Verdict.WORSE: self.worse}.get(verdict, verdict.value)

    @property
    def is_latency(self) -> bool:
        """True if it is a percentile of the latencies."""
        return self.doubted_by == OF_LATENCY

    @property
    def is_of_window(self) -> bool:
        """True if the generator measures it, in its window alone: of a slice, neither in its lead-in nor in its
        drain."""
        return bool(self.doubted_by)

    @property
    def is_of_speed(self) -> bool:
        """True if it changes as long as a server warms up: the time or the CPU that it takes for a request."""
        return self.is_of_window or self.name == "cpu_per_request"

    def is_sound(self, trial: Trial) -> bool:
        """Return True if no doubt about the generator spoils this figure of the trial."""
        return not self.doubted_by.intersection(doubt.kind for doubt in trial.load.doubts)


# A generator that is late measures its own lateness, and one that is busy holds a closed loop back. Neither changes
# what the server pays for a request.
OF_TIME: Final = frozenset[HealthWarningKind]({"busy", "stalled", "behind", "lagging"})
OF_LATENCY: Final = OF_TIME | frozenset[HealthWarningKind]({"miscounted"})

TAIL_MARGIN: Final = 0.1  # of percentiles above the median, which rest on fewer requests
MEMORY_MARGIN: Final = 0.05  # also for the growth of memory in a whole window

THROUGHPUT: Final = Metric(
    "throughput",
    "requests/s",
    "/s",
    True,
    lambda trial: trial.good_per_s,
    better="faster",
    worse="slower",
    doubted_by=OF_TIME,
)
P50: Final = Metric("p50", "p50", "ms", False, lambda trial: trial.p50_ms, "faster", "slower", doubted_by=OF_LATENCY)
P99: Final = Metric(
    "p99", "p99", "ms", False, lambda trial: trial.p99_ms, "faster", "slower", margin=TAIL_MARGIN, doubted_by=OF_LATENCY
)
CPU: Final = Metric(
    "cpu_per_request", "CPU/request", "ms", False, lambda trial: trial.cpu_ms_per_good, better="less", worse="more"
)
ERRORS: Final = Metric(
    "errors", "errors", "", False, lambda trial: trial.error_share, "fewer", "more", margin=0.001, scale=Scale.SHARE
)
MEMORY: Final = Metric(
    "memory", "memory", "B", False, lambda trial: trial.memory_bytes, "less", "more", margin=MEMORY_MARGIN
)
GROWTH: Final = Metric(
    "memory_growth",
    "memory growth/request",
    "B",
    False,
    lambda trial: trial.growth_bytes_per_request,
    "less",
    "more",
    margin=lambda trial: MEMORY_MARGIN * trial.memory_bytes / max(1.0, trial.load.requests),
    scale=Scale.DIFFERENCE,
)
READY: Final = Metric(
    "ready", "time until ready", "s", False, lambda trial: trial.ready_s, "sooner", "later", margin=0.25
)
READY_CPU: Final = Metric(
    "ready_cpu", "CPU until ready", "s", False, lambda trial: trial.ready_cpu_s, "less", "more", margin=0.25
)
BODY: Final = Metric("body", "body size", "B", False, lambda trial: trial.body_bytes, "smaller", "larger", margin=0.01)

METRICS: Final = (THROUGHPUT, P50, P99, CPU, ERRORS, MEMORY, GROWTH, READY, READY_CPU, BODY)


def _allow_requests(trial: Trial) -> float:
    """Return how many requests more or fewer make no difference: one, or as many as errors may."""
    return max(1.0, 0.001 * trial.load.requests)


LOST: Final = Metric(
    "lost",
    "requests lost",
    "requests",
    False,
    lambda trial: trial.event_cost.lost if trial.event_cost else None,
    "fewer",
    "more",
    margin=_allow_requests,
    scale=Scale.DIFFERENCE,
)
LATE: Final = Metric(
    "late",
    "requests late",
    "requests",
    False,
    lambda trial: trial.event_cost.late if trial.event_cost else None,
    "fewer",
    "more",
    margin=_allow_requests,
    scale=Scale.DIFFERENCE,
    doubted_by=OF_LATENCY,
)
RECOVERY: Final = Metric(
    "recovery",
    "time until p99 is back",
    "s",
    False,
    lambda trial: trial.event_cost.recovery_s if trial.event_cost else None,
    "sooner",
    "later",
    margin=1.0,
    scale=Scale.DIFFERENCE,
    doubted_by=OF_LATENCY,
    is_least=lambda trial: trial.event_cost is not None and not trial.event_cost.is_back,
)
OF_EVENTS: Final = (LOST, LATE, RECOVERY)


def metrics_of(scenario: Scenario) -> tuple[Metric, ...]:
    """Return the metrics that are judged in a run of the scenario, the deciding one first, and last those of its events
    and those that only a gate asks for. In an open loop p99 decides, since the requests/s are what was offered."""
    usual = (P99, P50, *METRICS[3:]) if scenario.load.arrivals else METRICS
    of_events = OF_EVENTS if scenario.events else ()
    known = {metric.name for metric in (*METRICS, *OF_EVENTS)}
    limited = {gate.metric: _metric_of_gate(gate) for gate in scenario.gate.gates if gate.metric not in known}
    return (*usual, *of_events, *limited.values())


def decisive_metrics(judged: Sequence[Metric]) -> tuple[Metric, ...]:
    """Return those of the judged metrics (:func:`metrics_of`) that decide the answer on a change: the deciding one, and
    CPU per request. They are how fast the server is, and at what price; a change of it is decided by both."""
    return (*judged[:1], CPU)


def metrics_of_answer(scenario: Scenario) -> tuple[Metric, ...]:
    """Return the metrics on which the answer of a run depends: on a change those of :func:`decisive_metrics`, and on
    what to run the deciding one."""
    judged = metrics_of(scenario)
    return decisive_metrics(judged) if scenario.is_of_pairs else judged[:1]


def metrics_of_requests(scenario: Scenario) -> tuple[Metric, ...]:
    """Return the metrics of each request of a mix that no gate limits: they are shown, and not judged."""
    requests = scenario.load.kinds if len(scenario.load.kinds) > 1 else ()
    figures = (P50, P99, ERRORS) if scenario.load.arrivals else (THROUGHPUT, P50, P99, ERRORS)
    judged = {metric.name for metric in metrics_of(scenario)}
    found = [_metric_of_request(each, request) for request in requests for each in figures]
    return tuple(metric for metric in found if metric.name not in judged)


def _metric_of_gate(gate: Gate) -> Metric:
    """Return the metric that the gate limits, of all requests or of one."""
    usual = next((metric for metric in (*METRICS, *OF_EVENTS) if metric.name == gate.figure), None)
    metric = usual or _percentile_metric(gate.figure, gate.percent or 0.0)
    return metric if gate.request is None else _metric_of_request(metric, gate.request, gate.percent)


def _percentile_metric(name: str, percent: float) -> Metric:
    """Return the metric of any percentile of the latencies."""
    return replace(
        P99,
        name=name,
        title=name,
        of=lambda trial: trial.percentile_ms(percent),
        margin=TAIL_MARGIN if percent > 50 else None,
    )


def _metric_of_request(metric: Metric, request: str, percent: float | None = None) -> Metric:
    """Return the same metric of one request of a mix."""
    percent = percent or {P50.name: 50.0, P99.name: 99.0}.get(metric.name)

    def of(trial: Trial) -> float | None:
        figures = trial.request(request)
        if figures is None:
            return None
        if percent is not None:
            return figures.percentile_ms(percent)
        return figures.error_share if metric is ERRORS else figures.good_per_s

    return replace(metric, name=f"{metric.name}[{request}]", title=f"{metric.title} of {request}", of=of)
