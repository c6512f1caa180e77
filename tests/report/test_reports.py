"""Everything that is written into a run folder."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from harness.doctor.check import Check
from harness.load.result import Errors, HealthWarning
from harness.load.spec import Expectation, Request
from harness.record import NoiseFloor, Program, Run, SkippedTopology, read_run
from harness.report.charts import chart_names
from harness.report.formats import FORMATS
from harness.report.html.page import render_html
from harness.report.markdown import render_markdown
from harness.report.run_report import RunReport
from harness.report.tables import summary_frame, trials_frame
from harness.report.write import write_reports
from harness.report.wrk import render_wrk
from harness.scenario import PublishedRun
from tests.made_runs import BEGAN, environment, made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)
TWO = topology("cluster-2", workers=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three rounds of two topologies, of which one trial failed and one is invalid."""
    records = [
        *(record(block, RAW, rate) for block, rate in enumerate([100, 110, 105], start=1)),
        record(1, TWO, 190, errors=Errors(timeout=3, status=2), served=[150, 40], run_delay_s=0.6, cores=2),
        record(2, TWO, 0, status="failed", reason="the server exited with 3 | <script>"),
        record(3, TWO, 9999, status="invalid", reason="worker 11 ended during the trial", served=[9999, 0]),
    ]
    scenario = scenario_of([RAW, TWO], 3)
    return made_run(tmp_path_factory.mktemp("results"), scenario, records, machine=environment(cores=2))


@pytest.fixture(scope="module")
def reported(run: Run) -> Run:
    """With all of its reports, which take their time."""
    write_reports(run)
    return run


def text_of(run: Run) -> str:
    report = RunReport(run)
    return render_markdown(report)


def test_the_programs_that_were_run_are_named_in_every_report(tmp_path: Path) -> None:
    scenario = scenario_of([RAW, TWO], 1)
    programs = [
        Program(name="puma", path="/opt/bin/puma", real_path="/opt/lib/puma", version="6.4.0"),
        Program(name="serve", path="/opt/bin/serve", unknown="version not asked", side="head"),
    ]
    made = made_run(tmp_path, scenario, [record(1, RAW, 100), record(1, TWO, 200)], programs=programs)
    said = ["puma 6.4.0: /opt/bin/puma, a link to /opt/lib/puma", "head: serve (version not asked): /opt/bin/serve"]
    assert all(f"| program | {words} |" in text_of(made) for words in said)
    assert all(words in render_html(RunReport(made)) for words in said)
    told = json.loads(FORMATS["json"](RunReport(made)))["programs"]
    assert [(each["name"], each["version"], each["side"]) for each in told] == [
        ("puma", "6.4.0", None),
        ("serve", None, "head"),
    ]


def test_every_report_is_written_and_can_be_made_again(reported: Run) -> None:
    names = ["report.md", "report.html", "wrk.txt", "summary.csv", "trials.csv"]
    names += [f"charts/{chart}.{suffix}" for chart in chart_names(RunReport(reported)) for suffix in ("png", "svg")]
    first = {name: (reported.path / name).read_bytes() for name in names}
    for name in names:
        (reported.path / name).unlink()
    write_reports(read_run(reported.path))
    assert {name: (reported.path / name).read_bytes() for name in names} == first


def test_charts_are_pictures_with_something_in_them(reported: Run) -> None:
    for chart in chart_names(RunReport(reported)):
        with Image.open(reported.path / f"charts/{chart}.png") as picture:
            assert min(picture.size) > 400
            assert len(picture.convert("L").getcolors(maxcolors=256) or []) > 10
        assert "<svg" in (reported.path / f"charts/{chart}.svg").read_text(encoding="utf-8")


def test_what_is_invalid_or_failed_is_shown_and_not_averaged_in(run: Run) -> None:
    text = text_of(run)
    assert "9,999" not in text
    assert re.search(r"\| cluster-2 \| 2 \| 188 \|.* 1 of 3 \|", text)
    assert "**r02-cluster-2**, failed: the server exited with 3 \\| \\<script\\>" in text
    assert "worker 11 ended during the trial" in text
    assert "2 of 6 trials failed or are invalid" in text


def test_tables_of_the_report_have_as_many_cells_as_columns(run: Run) -> None:
    widths: list[int] = []
    for line in [*text_of(run).splitlines(), "the end"]:
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        elif widths:
            assert len(set(widths)) == 1, line
            widths = []


def test_memory_is_proportional_where_all_trials_have_it_and_resident_otherwise(tmp_path: Path) -> None:
    known = [record(block, each, 100, pss_bytes=3 * 2**22) for block in (1, 2) for each in (RAW, TWO)]
    text = text_of(made_run(tmp_path, scenario_of([RAW, TWO], 2), known))
    assert re.search(r"\| cluster-2 \| .* \| 24\.0 MiB \| 2\.00× \(2\.00–2\.00\) \| 64\.0 MiB \|", text)
    assert "| 12.0 MiB, 12.0 MiB |" in text
    assert "Memory is that of all the server's processes as the window ended: proportional (PSS)" in text
    mixed = [*known[:3], record(2, TWO, 100)]
    text = text_of(made_run(tmp_path, scenario_of([RAW, TWO], 2), mixed))
    assert "24.0 MiB" not in text
    assert re.search(r"\| cluster-2 \| .* \| 64\.0 MiB \| 2\.00× \(2\.00–2\.00\) \| 64\.0 MiB \|", text)
    assert "as the window ended: resident (RSS), pages that they share counted" in text


def test_cpu_that_is_in_nobodys_account_is_a_finding(tmp_path: Path) -> None:
    lost = record(1, TWO, 100)
    assert lost.usage is not None
    lost = lost.model_copy(update={"usage": lost.usage.model_copy(update={"is_cpu_lost": True})})
    text = text_of(made_run(tmp_path, scenario_of([RAW, TWO], 2), [record(1, RAW, 100), lost, record(2, TWO, 100)]))
    assert "since their parents ignore SIGCHLD: `cluster-2` in 1 of 2." in text


def test_findings_are_told(run: Run) -> None:
    text = text_of(run)
    assert "Oversubscribed: `cluster-2` could have used 2.2 of 2 cores, shared with the generator." in text
    assert "3 requests timed out" in text
    assert "2 responses had a status of 400 or more" in text


def test_bodies_that_were_not_compared_are_told_once_with_the_reason(tmp_path: Path) -> None:
    records = [record(block, RAW, 100, body=(100, None)) for block in (1, 2)]
    scenario = scenario_of([RAW], 2)
    text = text_of(made_run(tmp_path / "differ", scenario, records))
    assert text.count("Some answers to the same request differ from each other, so bodies were not checked.") == 1
    for expect, times in ((Expectation(), 1), (Expectation(body_sha256="a" * 64), 0)):
        load = scenario.load.model_copy(update={"requests": (Request(method="POST"),), "expect": expect})
        posts = scenario.model_copy(update={"load": load})
        text = text_of(made_run(tmp_path / f"posts-{times}", posts, records))
        assert text.count("not safe to be sent again for comparison, so bodies were not checked.") == times
        assert "differ from each other" not in text


def test_certificates_that_were_not_checked_are_told_once(tmp_path: Path) -> None:
    secured = RAW.model_copy(update={"scheme": "https"})
    checked = TWO.model_copy(update={"scheme": "https", "ca_file": "/ca.pem"})
    records = [record(1, secured, 100), record(1, checked, 190)]
    text = text_of(made_run(tmp_path, scenario_of([secured, checked], 1), records))
    assert text.count("Certificates were not checked: `raw`.") == 1


def test_workers_are_told_by_what_they_answered(run: Run) -> None:
    """Of 40 connections chance gives one of two workers more than 26 in one trial of twenty; here it has 32."""
    text = text_of(run)
    assert "| cluster-2 | 79 %, 21 % | 50 % | 65 % | **beyond chance** | 0.50, 0.50 | 32.0 MiB, 32.0 MiB |" in text
    assert "`cluster-2` is imbalanced: its busiest worker answered 79% of the requests" in text


def test_an_even_cluster_is_not_called_skewed(tmp_path: Path) -> None:
    records = [record(1, RAW, 100), record(1, TWO, 190, served=[104, 86])]
    text = text_of(made_run(tmp_path, scenario_of([RAW, TWO], 1), records))
    assert "| cluster-2 | 55 %, 45 % | 50 % | 65 % | within chance |" in text
    assert "skewed" not in text


def test_what_the_doctor_warned_of_is_repeated(tmp_path: Path) -> None:
    checks = [
        Check(name="steal", status="warn", what="7.0 % in the last 0.5 s", advice="Measure at another time."),
        Check(name="ASLR", status="ok", what="on"),
        Check(name="turbo", status="unknown", what="not told"),
    ]
    run = made_run(tmp_path, scenario_of([RAW, TWO], 1), [record(1, RAW, 100), record(1, TWO, 190)], checks=checks)
    text = text_of(run)
    assert "- This machine, steal: 7.0 % in the last 0.5 s. Measure at another time.\n" in text
    assert "ASLR" not in text
    assert "turbo" not in text


def test_what_limited_the_trials_is_told_and_a_generator_at_its_limit_supports_nothing(tmp_path: Path) -> None:
    doubt = HealthWarning(kind="busy", what="the loop was busy 97% of the time.", advice="Use more processes.")
    bound = record(1, TWO, 190)
    assert bound.load is not None
    bound = bound.model_copy(update={"load": bound.load.model_copy(update={"doubts": [doubt]})})
    text = text_of(made_run(tmp_path, scenario_of([RAW, TWO], 2), [record(1, RAW, 100), bound]))
    assert "| cluster-2 | 1 of 1 | generator-bound | the loop was busy 97% of the time. |" in text
    assert "Trials were generator-bound: `cluster-2` in 1 of 1; for instance, the loop was busy" in text
    assert "Use more processes." in text
    assert "| cluster-2 | 2 | 190 | not measured | no verdict |" in text


def test_scaling_is_told_with_its_price_and_what_is_oversubscribed(tmp_path: Path) -> None:
    one, four = topology("cluster-1", workers=1), topology("cluster-4", workers=4)
    rates = [(RAW, [100, 104, 101]), (one, [99, 102, 101]), (TWO, [190, 199, 193]), (four, [200, 210, 203])]
    records = [
        record(block, each, rate, run_delay_s=0.4, cores=3)
        for each, of in rates
        for block, rate in enumerate(of, start=1)
    ]
    text = text_of(made_run(tmp_path, scenario_of([RAW, one, TWO, four], 3), records, machine=environment(cores=3)))
    assert re.search(r"\| cluster-2 \| 2 \| 0\.9\d \(0\.9\d–0\.9\d\) \|  \|", text)
    assert re.search(r"\| cluster-4 \| 4 \| 0\.5\d \(0\.\d\d–0\.5\d\) \| oversubscribed \|", text)
    assert re.search(r"Supervisor overhead: `cluster-1` serves (0\.99|1\.00)× ", text)
    assert "no law is fitted to what is not oversubscribed: a law of scaling needs 3 different numbers" in text


def test_laws_are_fitted_where_there_are_cores_for_them(tmp_path: Path) -> None:
    clusters = [topology(f"cluster-{n}", workers=n) for n in (1, 2, 4)]
    rates = [(RAW, [100, 104, 101]), *zip(clusters, ([99, 102, 101], [190, 199, 193], [352, 340, 361]), strict=True)]
    records = [record(block, each, rate) for each, of in rates for block, rate in enumerate(of, start=1)]
    text = text_of(made_run(tmp_path, scenario_of([RAW, *clusters], 3), records))
    assert "`cluster-N`: cannot tell Amdahl from USL. By the Universal Scalability Law contention σ is 0.0" in text


def test_cores_that_change_their_pace_are_told_and_taken_out_between_equally_many_workers(tmp_path: Path) -> None:
    one, records = topology("cluster-1", workers=1), []
    paces_us = [(200.0, 390.0, 210.0), (380.0, 215.0, 250.0), (220.0, 230.0, 400.0), (390.0, 400.0, 390.0)] * 2
    for block, of in enumerate(paces_us, start=1):
        for each, pace_us in zip((RAW, one, TWO), of, strict=True):
            made = record(block, each, (1 if each is RAW else 0.9) * 2e5 / pace_us)
            assert made.usage is not None
            records.append(made.model_copy(update={"usage": made.usage.model_copy(update={"pace_us": pace_us})}))
    text = text_of(made_run(tmp_path, scenario_of([RAW, one, TWO], 8), records))
    assert "The same piece of work took 200 to 390 µs of CPU on the server's cores" in text
    assert "What it does to `cluster-1` is taken out; the others are compared by more rounds only" in text
    assert "for cluster-1, of as many workers as the baseline, at equal core speed" in text.replace("\n", " ")
    assert re.search(r"\| cluster-1 \| requests/s \| 704/s \| 633/s \| −10\.0 %.* \| slower \|", text)
    assert re.search(r"\| cluster-2 \| requests/s \| .* \| inconclusive \|", text)


def test_the_noise_floor_is_quoted(tmp_path: Path) -> None:
    floor = NoiseFloor(measured_at=BEGAN, rounds=12, block_s=5.0, scatter={"throughput": 0.034, "p99": 0.12})
    run = made_run(tmp_path, scenario_of([RAW, TWO], 1), [record(1, RAW, 100), record(1, TWO, 190)], noise=floor)
    assert "differences of 3.4 % in requests/s, 12 % in p99 out of nothing" in text_of(run)


def test_an_open_verdict_says_what_it_could_have_seen_and_what_would_settle_it(tmp_path: Path) -> None:
    rates = [(RAW, [100, 104, 97, 101]), (TWO, [101, 99, 104, 102])]
    records = [record(block, each, rate) for each, of in rates for block, rate in enumerate(of, start=1)]
    text = text_of(made_run(tmp_path, scenario_of([RAW, TWO], 4), records))
    found = re.search(
        r"\| cluster-2 \| requests/s \| .* % \(.*\) \| inconclusive \| 4 \| .* \| (\d+) % \| ~(\d+) \|", text
    )
    assert found, text
    assert int(found[1]) > 5


def test_an_unfinished_run_and_skipped_topologies_are_told(tmp_path: Path) -> None:
    skipped = [SkippedTopology(name="node", reason="node not found on PATH; install node")]
    run = made_run(tmp_path, scenario_of([RAW, TWO], 3), [record(1, RAW, 100)], skipped, ending="interrupted")
    text = text_of(run)
    assert "cut short after 1 of up to 6 trials" in text
    assert "`node` was skipped: node not found on PATH; install node." in text


def test_a_run_without_any_trial_that_counts_still_has_a_report(tmp_path: Path) -> None:
    failed = record(1, RAW, 0, status="failed", reason="the server exited with 1")
    text = text_of(made_run(tmp_path, scenario_of([RAW, TWO], 1), [failed]))
    assert "nothing to compare with" in text
    assert "| raw | – | not measured |" in text
    assert "charts/" not in text


def test_different_pages_are_told(tmp_path: Path) -> None:
    records = [record(1, RAW, 100), record(1, TWO, 100, body=(12, "b" * 64))]
    assert "do not send the same page: raw 100 B, cluster-2 12 B" in text_of(
        made_run(tmp_path, scenario_of([RAW, TWO], 1), records)
    )


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_formula_reaches_a_spreadsheet(tmp_path: Path, sign: str) -> None:
    reason = f"{sign}HYPERLINK('http://x')"
    failed = record(1, TWO, 0, status="failed", reason=reason)
    text = trials_frame(
        RunReport(made_run(tmp_path, scenario_of([RAW, TWO], 1), [record(1, RAW, 100), failed]))
    ).to_csv()
    assert f"'{reason}" in text


def test_csv_is_tidy(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text(trials_frame(RunReport(run)).to_csv(index=False))
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert list(trials["topology"]) == ["raw"] * 3 + ["cluster-2"] * 3
    assert list(trials["requests_per_s"].dropna()) == [100, 110, 105, 190, 9999]
    assert trials["latency_p99_ms"].isna().tolist() == [False] * 4 + [True, False]
    (tmp_path / "summary.csv").write_text(summary_frame(RunReport(run)).to_csv(index=False))
    summary = pd.read_csv(tmp_path / "summary.csv", index_col="topology")
    assert summary.loc["cluster-2", "trials"] == 1
    assert summary.loc["cluster-2", "errors_timeout"] == 3
    assert summary.loc["raw", "requests_per_s"] == pytest.approx((100 * 110 * 105) ** (1 / 3))


def test_documented_figures_stand_beside_the_measured_as_ratios(tmp_path: Path) -> None:
    def documented(name: str, rate_per_s: float) -> PublishedRun:
        return PublishedRun(
            topology=name,
            heading=f"{name} node",
            requests=1,
            duration_s=30,
            read_mib=1,
            requests_per_s=rate_per_s,
            transfer_mib_per_s=1,
            latency_mean_ms=500,
            latency_stdev_ms=1,
            latency_max_ms=1,
            timeouts=4,
        )

    figures = (documented("raw", 30), documented("raw", 34), documented("cluster-2", 64))
    scenario = scenario_of([RAW, TWO], 1).model_copy(update={"documented": figures})
    run = made_run(tmp_path, scenario, [record(1, RAW, 100), record(1, TWO, 150)])
    text = text_of(run)
    assert "| raw | 30.00, 34.00 | 1.00× | 100.00 | 1.00× |" in text
    assert "| cluster-2 | 64.00 | 2.00× | 150.00 | 1.50× |" in text
    assert "### cluster-2 node" in render_wrk(RunReport(run))
