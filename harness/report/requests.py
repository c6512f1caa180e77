"""The figures of each request of a mix, topology by topology."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.requests import RequestFigures
from harness.analysis.summary import TopologySummary
from harness.analysis.trials import Trial
from harness.load.latency import LatencyHistogram, LatencySummary


@dataclass(frozen=True)
class RequestRow:
    """One request over all trials of one topology. Rates are means over the trials."""

    topology: str
    request: str
    requests: int
    good_per_s: float
    latency_ms: LatencySummary | None
    errors: int
    error_share: float


def request_rows(summaries: Sequence[TopologySummary]) -> Iterator[RequestRow]:
    """Yield a row for each request of every topology; none where there is only one request."""
    for summary in summaries:
        for name in request_names(summary.trials):
            found = [figures for trial in summary.trials if (figures := trial.request(name))]
            yield _row(summary.name, name, found)


def request_names(trials: Sequence[Trial]) -> list[str]:
    """Return the names of the requests of the trials, each once."""
    return list(dict.fromkeys(each.name for trial in trials for each in trial.load.by_request))


def _row(topology: str, name: str, found: Sequence[RequestFigures]) -> RequestRow:
    results = [each.result for each in found]
    errors = sum(each.errors for each in results)
    ended = errors + sum(each.ok for each in results)
    return RequestRow(
        topology=topology,
        request=name,
        requests=sum(each.requests for each in results),
        good_per_s=sum(each.good_per_s for each in found) / len(found),
        latency_ms=LatencyHistogram.merge(each.histogram for each in results).summary(),
        errors=errors,
        error_share=errors / ended if ended else 0.0,
    )
