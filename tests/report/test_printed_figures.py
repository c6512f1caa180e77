"""In every form of a report the figure before, changed as is said, is the one after, to the printed digit."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console

from harness.record import Run
from harness.report.formats import FORMATS
from harness.report.run_report import RunReport
from harness.report.terminal import render_terminal
from harness.report.write import write_reports
from tests.changed_runs import Made, run_of

UNITS: Final = {"/s": 1.0, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_FIGURE: Final = r"([\d,]+(?:\.\d+)?) ?(/s|µs|ms|s|B|KiB|MiB|GiB)"
_CHANGE: Final = r"([−+±][\d,]+(?:\.\d+)?) %"
SENTENCE: Final = re.compile(rf"{_FIGURE} → {_FIGURE}\s*,?\s*{_CHANGE}")
ROW: Final = re.compile(rf"\|\s*{_FIGURE}\s*\|\s*{_FIGURE}\s*\|\s*{_CHANGE}")
LEAST: Final = 8  # of the metrics, whose changes are ratios

Interval = tuple[float, float]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One in which much has changed; the generator was late in some rounds, whose times count on neither side."""
    head = Made(requests=0.83, p50=1.31, p99=1.16, cpu=1.21, memory=1.7, failing=0.01, late_s=1.3, scatter=0.02)
    made = run_of(tmp_path_factory.mktemp("results"), head, gates=("p99 > +10%",), late_rounds=3)
    write_reports(made)
    return made


def printed(columns: int) -> Callable[[RunReport], str]:
    """What stands at a terminal of so many columns, its lines joined."""

    def text(report: RunReport) -> str:
        console = Console(width=columns, file=io.StringIO(), record=True)
        console.print(render_terminal(report))
        return " ".join(console.export_text().split())

    return text


def as_cells(page: str) -> str:
    """The tables and sentences of a page, cells apart."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", re.sub(r"<t[dh][^>]*>", "|", page))))


TEXTS: Final[dict[str, Callable[[RunReport], str]]] = {
    "terminal, 80 columns": printed(80),
    "terminal, 120 columns": printed(120),
    "markdown": FORMATS["markdown"],
    "html": lambda report: as_cells(FORMATS["html"](report)),
    "github": FORMATS["github"],
}


def between(text: str) -> Interval:
    """What a printed number may have been before it was rounded."""
    half = 0.5 * 10 ** -len(text.partition(".")[2])
    value = float(re.sub("[,+±]", "", text).replace("−", "-"))
    return value - half, value + half


def pairs_in(text: str) -> Iterator[tuple[Interval, Interval, Interval]]:
    """Each figure before, the one after, and the factor between them."""
    for form in (SENTENCE, ROW):
        for before, unit, after, other_unit, change in form.findall(text):
            low, high = between(change)
            figures = (
                [end * UNITS[unit] for end in between(before)],
                [end * UNITS[other_unit] for end in between(after)],
            )
            (one, another), (first, last) = figures
            yield (one, another), (first, last), (1 + low / 100, 1 + high / 100)


@pytest.mark.parametrize("form", TEXTS)
def test_before_changed_so_is_after_in_every_text(run: Run, form: str) -> None:
    found = list(pairs_in(TEXTS[form](RunReport(run))))
    assert len(found) >= LEAST - 2
    for before, after, factor in found:
        assert before[0] * factor[0] <= after[1]
        assert after[0] <= before[1] * factor[1]


def test_before_changed_so_is_after_in_json_and_csv(run: Run) -> None:
    report = RunReport(run)
    told = json.loads(FORMATS["json"](report))["changes"]
    triples = [(each["before"], each["after"], each["ratio"]) for each in told if each["ratio"]]
    assert len(triples) == LEAST
    for before, after, ratio in triples:
        assert before["value"] * ratio["value"] == pytest.approx(after["value"])
    rows = [row for row in csv.DictReader(io.StringIO(FORMATS["csv"](report))) if row["ratio_value"]]
    assert len(rows) == LEAST
    for row in rows:
        changed = float(row["before_value"]) * float(row["ratio_value"])
        assert changed == pytest.approx(float(row["after_value"]))


def test_junit_tells_the_change_that_the_other_forms_tell(run: Run) -> None:
    report = RunReport(run)
    (row,) = [row for row in report.rows if row.metric.name == "p99" and row.change]
    assert row.change is not None
    (told,) = re.findall(_CHANGE, FORMATS["junit"](report).partition("failed")[2])[:1]
    low, high = between(told)
    assert 1 + low / 100 <= row.change.value <= 1 + high / 100


def test_nothing_is_cut_off_in_80_columns(tmp_path: Path) -> None:
    """The widest of what is usual: a share of errors, the growth of memory, and intervals of both."""
    head = Made(failing=0.013, leak_bytes=900.0, scatter=0.4, late_s=40.0)
    text = printed(80)(RunReport(run_of(tmp_path, head, rounds=5)))
    assert "memory growth/request" in text
    assert " points" in text
    assert "…" not in text


def test_figures_that_do_not_fit_are_found() -> None:
    """So that the tests above could fail."""
    ((before, after, factor),) = pairs_in("| 8.00 ms | 9.28 ms | +18.0 % |")
    assert before[0] * factor[0] > after[1]
