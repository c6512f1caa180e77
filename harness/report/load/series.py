"""A row for each second of the window, for spreadsheets and notebooks."""

from pathlib import Path
from typing import Final

import pandas as pd

from harness.load.latency import LatencyHistogram
from harness.load.result import LoadResult, Second
from harness.report.load.suffix import SERIES, check_suffix

COLUMNS: Final = ["end_s", "requests", "requests_per_s", "errors", "p50_ms", "p90_ms", "p99_ms", "p99_9_ms", "max_ms"]


def series_frame(result: LoadResult) -> pd.DataFrame:
    """Return a row for each second. ``end_s`` counts from the start of the window; latencies are missing where no
    request ended in that second."""
    return pd.DataFrame([_row(second) for second in result.series], columns=COLUMNS)


def write_series(result: LoadResult, path: Path) -> None:
    """Write the series as CSV, or as a JSON list of one object a second, as the suffix says.

    Raises ValueError, before anything is written, at any other suffix.
    """
    check_suffix(path, SERIES)
    frame = series_frame(result)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", indent=2)


def _row(second: Second) -> dict[str, float | None]:
    summary = LatencyHistogram.decode(second.histogram).summary()
    return {
        "end_s": second.end_s,
        "requests": second.requests,
        "requests_per_s": second.requests_per_s,
        "errors": second.errors,
        "p50_ms": second.p50_ms,
        "p90_ms": summary.p90 if summary else None,
        "p99_ms": second.p99_ms,
        "p99_9_ms": summary.p99_9 if summary else None,
        "max_ms": second.max_ms,
    }
