"""The seconds of a load as a table."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report.load.series import series_frame, write_series
from tests.report.load.made import closed

LATENCIES = ["p50_ms", "p90_ms", "p99_ms", "p99_9_ms", "max_ms"]
RESULT = closed(np.arange(1, 1001) * 1_000_000, [], [7_000_000])  # 1 ms to 1 s, nothing, 7 ms


def test_a_row_is_a_second_with_units_in_the_names() -> None:
    frame = series_frame(RESULT)
    assert frame.columns.tolist() == ["end_s", "requests", "requests_per_s", "errors", *LATENCIES]
    assert frame["end_s"].tolist() == [1.0, 2.0, 3.0]
    assert frame["requests"].tolist() == [1000, 0, 1]
    latencies_ms = frame[LATENCIES].to_numpy()
    assert latencies_ms[0] == pytest.approx([500, 900, 990, 999, 1000], rel=1e-3)
    assert np.isnan(latencies_ms[1]).all()
    assert latencies_ms[2] == pytest.approx([7] * 5, rel=1e-3)


def test_csv_reads_back_as_the_same_table(tmp_path: Path) -> None:
    write_series(RESULT, tmp_path / "series.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "series.csv"), series_frame(RESULT))


def test_json_is_a_list_of_seconds_with_null_where_nothing_was_measured(tmp_path: Path) -> None:
    write_series(RESULT, tmp_path / "series.json")
    first, second, third = json.loads((tmp_path / "series.json").read_text(encoding="utf-8"))
    assert first["requests"] == 1000
    assert first["p90_ms"] == pytest.approx(900, rel=1e-3)
    assert second["requests"] == 0
    assert second["p99_ms"] is None
    assert list(third) == series_frame(RESULT).columns.tolist()


def test_no_seconds_give_a_table_without_rows(tmp_path: Path) -> None:
    none = RESULT.model_copy(update={"series": []})
    write_series(none, tmp_path / "series.csv")
    write_series(none, tmp_path / "series.json")
    assert (tmp_path / "series.csv").read_text(encoding="utf-8").startswith("end_s,requests,")
    assert json.loads((tmp_path / "series.json").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", ["series.txt", "series", "csv", "series.csv.gz"])
def test_other_suffixes_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"expected a file ending in \.csv or \.json, got '.*'"):
        write_series(RESULT, tmp_path / name)
    assert not list(tmp_path.iterdir())
