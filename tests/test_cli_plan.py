"""The command that plans hosts: what it prints, what it writes, and what it refuses."""

import json
import os
import re
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from markdown_it import MarkdownIt
from pymarkdown.api import PyMarkdownApi
from typer.testing import CliRunner

from harness.cli import app
from harness.load.spec import Arrivals
from harness.record import Run
from tests.made_runs import LOAD, environment, made_run, record, scenario_of, topology
from tests.planning.evidence import usl

RAW: Final = topology("raw", baseline=True)
CLUSTERS: Final = [topology(f"cluster-{workers}", workers=workers) for workers in (1, 2, 3, 4)]
EVIL: Final = "<img src=x onerror=alert(1)> [x](http://x) | *b* [red] \x1b[31m"


def measured(results: Path, cpu: str = "Test | CPU", command: str = "harness compare x.toml") -> Run:
    """Five rounds of one process and of clusters that follow the Universal Scalability Law, on eight cores."""
    dice = np.random.default_rng(1)
    records = [
        record(block, each, round(usl(each.workers or 1) * 10 * np.exp(dice.normal(0, 0.004))), cpu_s=0.95)
        for block in range(1, 6)
        for each in (RAW, *CLUSTERS)
    ]
    machine = environment().model_copy(update={"cpu_model": cpu})
    return made_run(results, scenario_of([RAW, *CLUSTERS], 5), records, machine=machine, command=command)


def said(run: Run, *arguments: str, exit_code: int = 0) -> str:
    """What the command prints, on 80 columns, its lines joined."""
    done = CliRunner().invoke(app, ["plan", str(run.path), *arguments], env={"COLUMNS": "80"})
    assert done.exit_code == exit_code, done.output
    assert "Traceback" not in done.output
    return done.output


def joined(text: str) -> str:
    return " ".join(text.split())


def test_the_plan_begins_with_the_answer_and_is_written_into_the_folder(tmp_path: Path) -> None:
    run = measured(tmp_path)
    asked = [
        "--target",
        "8000/s",
        "--peak-factor",
        "1.5",
        "--lose",
        "1",
        "--host-cost",
        "0.5/h",
        "--cores-per-host",
        "4",
    ]
    text = joined(said(run, *asked))
    assert text.startswith(
        "Take 7 hosts (6 + 1) with cluster-4, 4 workers on each, for 8,000/s. At the peak of 12,000/s they use"
    )
    assert "with one lost. That costs 3.50 per hour, 2,555.00 per month. The others need more: cluster-3 8" in text
    assert "not told: a closed loop says nothing of waiting" in text
    written = (run.path / "plan.md").read_text()
    assert written.startswith("# made: what do 8,000/s need?\n\n**Take 7 hosts (6 + 1) with `cluster-4`**")
    for heading in ("## What this rests on", "## How to repeat it"):
        assert heading in written
    document = json.loads((run.path / "plan.json").read_text())
    best = document["topologies"][0]
    assert (best["topology"], best["hosts"], best["workers_per_host"]) == ("cluster-4", 7, 4)
    assert best["used_after_loss"] == pytest.approx(12_000 / (6 * best["capacity_per_s"]["low"]))
    assert document["demand"]["peak_factor"] == 1.5
    assert {each["basis"] for each in document["assumptions"]} == {"measured", "given"}


def test_a_single_host_is_one(tmp_path: Path) -> None:
    text = joined(said(measured(tmp_path), "--target", "2000/s", "--workers", "4"))
    assert text.startswith("Take one host with cluster-4, 4 workers on it, for 2,000/s. At the peak of 2,000/s it uses")


def test_costs_are_in_the_currency_and_instances_are_told(tmp_path: Path) -> None:
    asked = ["--target", "480000/min", "--host-cost", "365 EUR/month", "--workers", "2", "--instances-per-host", "2"]
    text = joined(said(measured(tmp_path), *asked))
    assert text.startswith("Take 4 hosts with cluster-2, 2 instances of 2 workers on each, for 8,000/s.")
    assert "That costs 2.00 EUR per hour, 1,460.00 EUR per month." in text
    assert "2 × 2" in text


def test_each_form_is_printed_alone(tmp_path: Path) -> None:
    run = measured(tmp_path)
    runner = CliRunner()
    for form, name in (("markdown", "plan.md"), ("json", "plan.json")):
        done = runner.invoke(app, ["plan", str(run.path), "--target", "800/s", "--format", form])
        assert done.stdout == (run.path / name).read_text()


def test_what_was_not_measured_is_foretold_with_an_interval_for_what_would_be(tmp_path: Path) -> None:
    text = joined(said(measured(tmp_path), "--target", "8000", "--workers", "8"))
    found = re.search(r"It was not measured: ([\d,]+)/s \(([\d,]+)–([\d,]+)\) a host is foretold from 1, 2, 3, 4", text)
    assert found
    value, low, high = (int(number.replace(",", "")) for number in found.groups())
    assert value == pytest.approx(10 * usl(8), rel=0.1)
    assert low < 10 * usl(8) < high
    assert "one of prediction, for what would be measured on the same machine in as many rounds" in text


def test_a_target_within_one_worker_needs_no_cluster(tmp_path: Path) -> None:
    text = joined(said(measured(tmp_path), "--target", "450/s", "--lose", "1"))
    assert re.match(
        r"One worker of raw carries it: 450/s of [\d,]+/s \([\d,–]+\)\. A cluster is not needed for the rate\."
        r" Take 2 hosts \(1 \+ 1\), so that one may be lost\.",
        text,
    )
    assert "so that" not in joined(said(measured(tmp_path), "--target", "450/s")).split("•")[0]


def test_beyond_the_data_it_says_what_to_measure(tmp_path: Path) -> None:
    text = said(measured(tmp_path), "--target", "8000/s", "--workers", "64", exit_code=2)
    assert "64 workers are more than twice the 4 up to which the law was fitted." in text
    assert "workers = [1, 2, 3, 4, 32, 64] in the scenario, then: harness compare x.toml" in text


def test_a_run_that_tells_no_capacity_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    load = LOAD.model_copy(update={"arrivals": Arrivals(rate_per_s=100.0)})
    scenario = scenario_of([RAW], 1).model_copy(update={"load": load})
    run = made_run(tmp_path, scenario, [record(1, RAW, 100)])
    assert "this run offered a rate" in said(run, "--target", "8/s", exit_code=2)
    assert not (run.path / "plan.md").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--target", "many"], "expected a rate such as '800/s'"),
        (["--target", "0"], "--target: expected greater than 0"),
        (["--target", "8", "--headroom", "100%"], "--headroom: expected less than 1"),
        (["--target", "8", "--headroom", "0.3"], "expected a percentage such as '3%'"),
        (["--target", "8", "--lose", "-1"], "--lose: expected greater than or equal to 0"),
        (["--target", "8", "--peak-factor", "0.5"], "--peak-factor: expected greater than or equal to 1"),
        (["--target", "8", "--peak-factor", "nan"], "--peak-factor: expected a finite number"),
        (["--target", "8", "--workers", "2,x"], "--workers: expected a whole number"),
        (["--target", "8", "--memory-per-host", "16"], "expected a size such as"),
        (["--target", "8", "--host-cost", "cheap"], "expected a price such as '0.34/h'"),
    ],
)
def test_what_can_not_be_asked_is_told(tmp_path: Path, arguments: list[str], expected: str) -> None:
    text = re.sub(r"[│\s]+", " ", said(measured(tmp_path), *arguments, exit_code=2))
    assert expected in text


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["plan", str(tmp_path), "--target", "8"])
    assert (done.exit_code, "not a run folder" in done.output) == (2, True)


def test_a_folder_that_takes_no_more_is_told_and_links_are_not_written_through(tmp_path: Path) -> None:
    run = measured(tmp_path / "results")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    (run.path / "plan.md").symlink_to(elsewhere)
    said(run, "--target", "8")
    assert elsewhere.read_text() == "untouched"
    assert not (run.path / "plan.md").is_symlink()
    os.remove(run.path / "plan.json")
    (run.path / "plan.json").mkdir()
    assert "can't write the plan" in said(run, "--target", "8", exit_code=2)


def test_hostile_machines_and_commands_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    run = measured(tmp_path, cpu=EVIL, command=EVIL)
    text = said(run, "--target", "8000", "--cores-per-host", "64")
    assert "\x1b[31m" not in text
    assert "[red]" in text
    markdown = (run.path / "plan.md").read_text()
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") == 3
    for tag in ("<img", "<em>b", "<a "):
        assert tag not in html
    assert [row.count("<td") for row in html.split("<tr>") if "as fast as those" in row] == [2]


def test_a_linter_has_nothing_to_say(tmp_path: Path) -> None:
    """But for long lines, which tables have."""
    run = measured(tmp_path)
    said(run, "--target", "8000", "--lose", "1", "--cores-per-host", "64", "--host-cost", "0.34")
    linter = PyMarkdownApi().disable_rule_by_identifier("MD013")
    assert linter.scan_string((run.path / "plan.md").read_text()).scan_failures == []
