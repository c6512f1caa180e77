"""Tidy tables: a row for each trial, or for each topology."""

from dataclasses import asdict
from typing import Final

import pandas as pd

from harness.analysis.bottleneck import diagnose
from harness.analysis.launch import per_request, per_request_by_role
from harness.analysis.run import RunAnalysis
from harness.analysis.summary import TopologySummary
from harness.record import TrialRecord
from harness.report.limits import usual_limit

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")


def render_trials_csv(analysis: RunAnalysis) -> str:
    """Return the table of the trials as CSV."""
    return trials_frame(analysis).to_csv(index=False)


def render_summary_csv(analysis: RunAnalysis) -> str:
    """Return the table of the topologies as CSV."""
    return summary_frame(analysis).to_csv(index=False)


def trials_frame(analysis: RunAnalysis) -> pd.DataFrame:
    """Return a row for each record, in the order in which the trials were made; empty cells were not measured."""
    return safe_frame([_trial_row(record) for record in analysis.run.records])


def summary_frame(analysis: RunAnalysis) -> pd.DataFrame:
    """Return a row for each topology; empty cells were not measured."""
    return safe_frame([_summary_row(summary) for summary in analysis.summaries])


def safe_frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return a table in which a spreadsheet finds no formula. Text that it would take for one is given an apostrophe,
    which makes it text there too (OWASP, "CSV Injection")."""
    return pd.DataFrame([{name: _text(value) for name, value in row.items()} for row in rows])


def _text(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_SIGNS) else value


def _trial_row(record: TrialRecord) -> dict[str, object]:
    row: dict[str, object] = {
        "trial": record.trial,
        "round": record.block,
        "position": record.position,
        "topology": record.topology,
        "workers": record.workers,
        "status": record.status,
        "reason": record.reason,
        "ready_s": record.ready_s,
        "slices": len(record.slices),
    }
    load, usage, counts = record.load, record.usage, record.worker_counts
    if counts is not None:
        row |= {"workers_found": counts.found, "workers_started": counts.started, "workers_ended": counts.number_ended}
    if load is not None:
        row |= {
            "duration_s": load.duration_s,
            "requests": load.requests,
            "requests_per_s": load.requests_per_s,
            "bytes_per_s": load.bytes_per_s,
            "unfinished": load.unfinished,
        }
        row |= {f"errors_{kind}": count for kind, count in load.errors.model_dump().items()}
        row["reconnected"] = load.reconnected
        if load.latency_ms is not None:
            row |= {f"latency_{name}_ms": value for name, value in load.latency_ms.model_dump().items()}
            row["latency_within_stdev_percent"] = row.pop("latency_within_stdev_percent_ms")
        row["generator_cpu_s"] = load.generator_cpu_s
        row["busiest_worker_requests"] = max(load.workers.values(), default=None)
    if load is not None and usage is not None:
        row["limit"] = diagnose(load, usage).limit.value
        if (of_all := per_request(load, usage)) is not None:
            row |= {f"{name}_per_request": figure for name, figure in asdict(of_all).items()}
        for role, of_role in per_request_by_role(load, usage).items():
            row |= {f"{role}_{name}_per_request": figure for name, figure in asdict(of_role).items()}
    if usage is not None:
        row |= {
            "server_cpu_s": usage.cpu_s,
            "server_cpu_ms_per_request": usage.cpu_s * 1000 / usage.requests_of(load)
            if load and load.requests
            else None,
            "server_pss_bytes": usage.pss_bytes,
            "server_rss_bytes": usage.rss_bytes,
            "pace_us": usage.pace_us,
            "voluntary_switches": sum(process.voluntary_switches for process in usage.processes),
            "involuntary_switches": sum(process.involuntary_switches for process in usage.processes),
            "throttled_periods": usage.machine.throttled_periods,
            "throttled_s": usage.machine.throttled_s,
        }
    return row


def _summary_row(summary: TopologySummary) -> dict[str, object]:
    row: dict[str, object] = {
        "topology": summary.name,
        "workers": summary.workers,
        "malloc": summary.topology.malloc,
        "baseline": summary.topology.baseline,
        "trials": len(summary.trials),
        "failed": summary.failed,
        "invalid": summary.invalid,
    }
    estimates = {
        "requests_per_s": summary.requests_per_s,
        "ratio_to_baseline": summary.ratio,
        "cpu_ms_per_request": summary.cpu_ms_per_request,
        "cpu_ratio_to_baseline": summary.cpu_ratio,
        "memory_ratio_to_baseline": summary.memory_ratio,
    }
    for name, estimate in estimates.items():
        row[name] = estimate.value if estimate else None
        row[f"{name}_low"] = estimate.low if estimate else None
        row[f"{name}_high"] = estimate.high if estimate else None
    row["verdict"] = summary.verdict.value if summary.verdict else None
    if summary.latency_ms is not None:
        row |= {f"latency_{p}_ms": getattr(summary.latency_ms, p) for p in ("p50", "p90", "p99", "p99_9", "max")}
    row |= {f"errors_{kind}": count for kind, count in summary.errors.model_dump().items()}
    row |= {
        "reconnected": summary.reconnected,
        "unfinished": summary.unfinished,
        "server_memory_bytes": summary.memory_bytes,
        "server_rss_bytes": summary.rss_bytes,
        "server_cores": summary.server_cores,
        "generator_cores": summary.generator_cores,
        "limit": usual_limit(summary).value if summary.trials else None,
        "oversubscribed": summary.is_oversubscribed,
    }
    return row
