"""What became of a scenario from run to run: who is compared with whom, what is told, and in which words."""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from markdown_it import MarkdownIt
from pymarkdown.api import PyMarkdownApi
from typer.testing import CliRunner

from harness.analysis.history.history import History, histories
from harness.analysis.history.runs import read_runs
from harness.cli import app
from harness.load.result import HealthWarning
from harness.load.spec import Arrivals
from harness.machine.environment import Environment
from harness.record import Revision, Run, RunFolderError
from harness.scenario import Scenario
from harness.scenario.topology import Side
from harness.stats.verdict import Verdict
from tests.made_runs import BEGAN, environment, made_run, record, scenario_of, topology

RAW: Final = topology("raw", baseline=True)
TWO: Final = topology("cluster-2", workers=2)
SCENARIO: Final = scenario_of([RAW, TWO], 4)
MACHINE: Final = environment()
AROUND: Final = (0.98, 1.0, 1.02, 1.0)  # what four rounds make of a rate
EVIL: Final = "<img src=x onerror=alert(1)> [x](http://x) | *b* [red] \x1b[31m"


def on_day(
    results: Path,
    day: int,
    rate_per_s: float,
    commit: str | None = None,
    scenario: Scenario = SCENARIO,
    machine: Environment = MACHINE,
    revisions: Sequence[Revision] = (),
    rounds: int = 4,
    pss_bytes: int | None = None,
    turn_s: float | None = None,
) -> Run:
    """A run that began so many days after the first, in which every topology served about this rate."""
    commit = f"{day:07d}{'0' * 33}" if commit is None else commit
    records = [
        record(block, each, rate_per_s * around, pss_bytes=pss_bytes)
        for block, around in enumerate(AROUND[:rounds], start=1)
        for each in scenario.topologies
    ]
    run = made_run(results, scenario, records, machine=machine.model_copy(update={"git_commit": commit}))
    info = json.loads((run.path / "run.json").read_text())
    info["started_at"] = (BEGAN + timedelta(days=day)).isoformat()
    info["interleaving"]["turn_s"] = turn_s
    info["revisions"] = [revision.model_dump() for revision in revisions]
    (run.path / "run.json").write_text(json.dumps(info))
    return run


def history_of(results: Path, **named: str) -> History:
    """Of the only scenario there is."""
    (history,) = histories(read_runs(results)[0], **named)
    return history


def said(results: Path, *arguments: str, exit_code: int = 0) -> str:
    """What the command prints, on 80 columns."""
    done = CliRunner().invoke(app, ["history", str(results), *arguments], env={"COLUMNS": "80"})
    assert done.exit_code == exit_code, done.output
    assert "Traceback" not in done.output
    return done.output


def step(results: Path) -> None:
    """Twelve runs, of which the seventh and all after it serve a fifth less."""
    dice = np.random.default_rng(5)
    for day in range(12):
        on_day(results, day, (1000 if day < 6 else 800) * np.exp(dice.normal(0, 0.01)))


def test_a_step_is_found_at_its_commit_and_told_in_every_form(tmp_path: Path) -> None:
    step(tmp_path)
    history = history_of(tmp_path)
    (change,) = history.changes
    assert (change.before.commit, change.at.commit) == ("0000005" + "0" * 33, "0000006" + "0" * 33)
    assert change.now / change.was == pytest.approx(0.8, abs=0.02)
    sentence = r"requests/s changed at 0000006 \(2026-01-08\): (99\d|1,00\d) → (79\d|80\d)\."
    text = said(tmp_path)
    assert re.search(sentence, text)
    assert max(map(len, text.splitlines())) <= 80
    assert [line.split()[1] for line in text.splitlines() if "◆" in line] == ["2026-01-08"]
    assert re.search(r"[▁▂▃▄▅▆▇█]{12}", text)
    for form, marks in (("markdown", 3), ("html", 2)):
        written = said(tmp_path, "--format", form)
        assert re.search(sentence, written.replace("`", ""))  # GitHub would make a link of a commit
        assert written.count("◆ ") == marks  # of the row, of its bar in Markdown, and what the sign means
        assert "harness ab" in written


def test_the_series_is_drawn_from_zero_in_every_form(tmp_path: Path) -> None:
    on_day(tmp_path, 0, 1000)
    on_day(tmp_path, 1, 500)
    assert re.search(r"█[▄▅] from 0", said(tmp_path))
    bars = [line.count("█") for line in said(tmp_path, "--format", "markdown").splitlines() if "█" in line]
    assert bars == [40, 20]
    page = said(tmp_path, "--format", "html")
    heights = [240 - float(y) for y in re.findall(r'cy="([\d.]+)"', page)]
    assert heights[1] / heights[0] == pytest.approx(0.5, abs=0.01)
    assert "from 0 to 1,0" in page


def test_runs_lead_to_their_pages_where_there_are_any(tmp_path: Path) -> None:
    with_page, _ = on_day(tmp_path, 0, 1000), on_day(tmp_path, 1, 1000)
    page = with_page.path / "report.html"
    page.touch()
    assert said(tmp_path, "--format", "html").count(f'<a href="{page}">') == 1
    assert said(tmp_path, "--format", "markdown").count(f"](<{page}>)") == 1


def test_each_run_is_compared_with_the_one_before_it(tmp_path: Path) -> None:
    for day, rate_per_s in enumerate([1000, 1001, 700, 1100]):
        on_day(tmp_path, day, rate_per_s)
    rows = history_of(tmp_path).rows
    assert rows[0].comparison is None
    assert [row.comparison.verdict for row in rows[1:] if row.comparison] == [
        Verdict.INCONCLUSIVE,
        Verdict.WORSE,
        Verdict.BETTER,
    ]
    assert [row.comparison.change.value for row in rows[1:] if row.comparison] == pytest.approx(
        [1.001, 0.7, 1100 / 700], abs=1e-3
    )


def test_less_cpu_per_request_is_less_and_the_ratio_is_that_of_the_cpu(tmp_path: Path) -> None:
    on_day(tmp_path, 0, 1000)
    on_day(tmp_path, 1, 2000)
    _, row = history_of(tmp_path, metric="cpu_per_request").rows
    assert row.comparison
    assert row.comparison.change.value == pytest.approx(0.5, abs=0.01)
    assert re.search(r"0\.50× \(0\.4\d–0\.5\d\) +less", said(tmp_path, "--metric", "cpu_per_request"))


def test_figures_that_are_all_the_same_are_equivalent(tmp_path: Path) -> None:
    """The latencies of made runs are."""
    on_day(tmp_path, 0, 1000)
    on_day(tmp_path, 1, 1000)
    _, row = history_of(tmp_path, metric="p99").rows
    assert row.comparison
    assert row.comparison.verdict is Verdict.EQUIVALENT


def test_one_round_is_listed_and_nothing_follows_from_it(tmp_path: Path) -> None:
    on_day(tmp_path, 0, 1000)
    on_day(tmp_path, 1, 500, rounds=1)
    _, row = history_of(tmp_path).rows
    assert row.comparison
    assert (row.comparison.verdict, row.comparison.change.low) == (Verdict.INCONCLUSIVE, None)


def other_load(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"load": scenario.load.model_copy(update={"connections": 41})})


def other_command(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"topologies": (RAW.model_copy(update={"command": ("y", "{port}")}), TWO)})


@pytest.mark.parametrize(
    ("scenario", "machine", "reason"),
    [
        (other_load(SCENARIO), MACHINE, "another load"),
        (other_command(SCENARIO), MACHINE, "another command"),
        (SCENARIO.with_malloc("keep"), MACHINE, "another malloc"),
        (SCENARIO, environment(cores=2), "another machine"),
        (SCENARIO, MACHINE.model_copy(update={"cpu_quota_cores": 8.5}), "another machine"),
        (SCENARIO, MACHINE.model_copy(update={"kernel": "6.1"}), "another kernel"),
        (scenario_of([TWO.model_copy(update={"baseline": True})], 4), MACHINE, "no raw"),
    ],
)
def test_what_is_not_alike_is_listed_with_the_reason_and_not_compared(
    tmp_path: Path, scenario: Scenario, machine: Environment, reason: str
) -> None:
    on_day(tmp_path, 0, 1000)
    on_day(tmp_path, 1, 100, scenario=scenario, machine=machine)
    on_day(tmp_path, 2, 1000)
    first, odd, last = history_of(tmp_path).rows
    assert (odd.mismatch, odd.comparison) == (reason, None)
    assert first.mismatch is None
    assert last.comparison
    assert last.comparison.change.value == pytest.approx(1.0)
    for form in ("text", "markdown", "html"):
        assert reason in " ".join(said(tmp_path, "--format", form).split())


def test_servers_that_were_stopped_between_turns_are_compared_with_such(tmp_path: Path) -> None:
    for day, turn_s in enumerate((None, 0.01, None, 0.01)):
        on_day(tmp_path, day, 1000, turn_s=turn_s)
    apart = "another interleaving"
    assert [row.mismatch for row in history_of(tmp_path).rows] == [apart, None, apart, None]


def test_memory_that_was_counted_otherwise_is_not_compared(tmp_path: Path) -> None:
    """Shared pages in each process, as records had it, and once."""
    on_day(tmp_path, 0, 1000)
    on_day(tmp_path, 1, 1000, pss_bytes=2**24)
    on_day(tmp_path, 2, 1000, pss_bytes=2**23)
    resident, _, last = history_of(tmp_path, metric="memory").rows
    assert resident.mismatch == "memory counted otherwise"
    assert last.comparison
    assert last.comparison.change.value == pytest.approx(0.5)
    assert [row.mismatch for row in history_of(tmp_path).rows] == [None] * 3


def test_a_run_without_a_trial_that_counts_or_with_an_edited_scenario_is_not_compared(tmp_path: Path) -> None:
    on_day(tmp_path, 0, 1000)
    failed = [record(1, each, 0, status="failed", reason="gone") for each in SCENARIO.topologies]
    made_run(tmp_path, SCENARIO, failed)
    edited = on_day(tmp_path, 1, 1000)
    (edited.path / "scenario.json").write_text((edited.path / "scenario.json").read_text() + "\n")
    rows = history_of(tmp_path).rows
    assert sorted(row.mismatch or "" for row in rows) == ["", "edited since", "not measured"]
    assert [row.estimate is None for row in rows].count(True) == 1


def test_a_scenario_of_which_nothing_was_measured_is_listed(tmp_path: Path) -> None:
    made_run(tmp_path, SCENARIO, [record(1, RAW, 0, status="failed", reason="it ended")])
    assert "not measured" in " ".join(said(tmp_path).split())


def test_trials_in_which_the_generator_was_the_limit_are_in_no_figure(tmp_path: Path) -> None:
    doubt = HealthWarning(kind="busy", what="the loop was busy.", advice="Use more processes.")
    bound = record(3, RAW, 1)
    assert bound.load
    bound = bound.model_copy(update={"load": bound.load.model_copy(update={"doubts": [doubt]})})
    made_run(tmp_path, SCENARIO, [record(1, RAW, 1000), record(2, RAW, 1000), bound])
    (row,) = history_of(tmp_path).rows
    assert row.estimate
    assert row.estimate.n == 2
    assert row.estimate.value == pytest.approx(1000)


def test_each_scenario_has_a_history_of_its_own(tmp_path: Path) -> None:
    other = SCENARIO.model_copy(update={"name": "other", "topologies": (RAW,)})
    for day, scenario in enumerate([SCENARIO, other, SCENARIO, other]):
        on_day(tmp_path, day, 1000 * (1 + day % 2), scenario=scenario)
    runs, _ = read_runs(tmp_path)
    found = histories(runs)
    assert [(history.scenario, len(history.compared_runs)) for history in found] == [("made", 2), ("other", 2)]
    assert [history.scenario for history in histories(runs, scenario="other")] == ["other"]
    assert [history.scenario for history in histories(runs, topology="cluster-2")] == ["made"]


def test_under_a_rate_p99_decides_and_the_newest_baseline_is_shown(tmp_path: Path) -> None:
    on_day(tmp_path, 0, 1000)
    load = SCENARIO.load.model_copy(update={"arrivals": Arrivals(kind="constant", rate_per_s=500.0)})
    on_day(tmp_path, 1, 1000, scenario=SCENARIO.model_copy(update={"load": load}))
    history = history_of(tmp_path)
    assert (history.metric.name, history.topology) == ("p99", "raw")
    assert [row.mismatch for row in history.rows] == ["another load", None]


def test_of_two_commits_the_head_is_the_run(tmp_path: Path) -> None:
    on_day(tmp_path, 0, 1000)
    base, head = (
        RAW.on(Side.model_validate({"commit": side, "of": "raw", "root": f"/{side}"})) for side in ("base", "head")
    )
    scenario = SCENARIO.model_copy(update={"topologies": (base, head)})
    revisions = [Revision(ref=ref, commit=ref * 10, subject="x", is_changed=ref == "beef") for ref in ("cafe", "beef")]
    on_day(tmp_path, 1, 1200, scenario=scenario, revisions=revisions)
    history = history_of(tmp_path)
    assert history.topology == "raw"
    assert [row.mismatch for row in history.rows] == [None, None]
    assert "beefbee+" in said(tmp_path)


def test_a_change_that_can_not_be_the_commits_is_told_so(tmp_path: Path) -> None:
    for day in range(8):
        on_day(tmp_path, day, 1000 + day if day < 4 else 500 + day, commit="f" * 40)
    assert "changed at fffffff (2026-01-06): 1,001 → 505, although the run before had the same commit." in " ".join(
        said(tmp_path).split()
    )


def test_steady_runs_have_no_change_and_few_runs_no_claim(tmp_path: Path) -> None:
    for day in range(5):
        on_day(tmp_path, day, 1000 if day < 3 else 500)
    assert "among 6 comparable runs or more; there are 5" in " ".join(said(tmp_path).split())
    shutil.rmtree(tmp_path)
    for day, rate_per_s in enumerate([1000, 1010, 995, 1003, 990, 1008]):
        on_day(tmp_path, day, rate_per_s)
    assert "The 6 comparable runs show no change of the level." in said(tmp_path)


def test_the_link_to_the_newest_is_no_run_and_one_to_elsewhere_is(tmp_path: Path) -> None:
    results, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    first = on_day(results, 0, 1000)
    assert (results / "latest").is_symlink()
    kept = on_day(elsewhere, 1, 1000)
    (results / "kept").symlink_to(kept.path)
    (results / "gone").symlink_to(tmp_path / "nowhere")
    (results / "notes.txt").write_text("not a run")
    assert [run.name for run in read_runs(results)[0]] == [first.path.name, "kept"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda text: "{", "not JSON"),
        (lambda text: text.replace('"seed"', '"sown"'), "seed: Field required"),
        (
            lambda text: re.sub(r'"started_at": "[^"]+"', '"started_at": "0001-01-01T00:00:00+14:00"', text),
            "started_at",
        ),
        (lambda text: text.replace('"schema_version": 3', '"schema_version": 9'), "schema version 9"),
    ],
)
def test_what_can_not_be_read_is_listed_with_the_reason(
    tmp_path: Path, spoil: Callable[[str], str], reason: str
) -> None:
    on_day(tmp_path, 0, 1000)
    file = on_day(tmp_path, 1, 1000).path / "run.json"
    file.write_text(spoil(file.read_text()))
    runs, unread = read_runs(tmp_path)
    assert len(runs) == 1
    assert reason in unread[0]
    for form in ("text", "markdown", "html"):
        told = "".join(said(tmp_path, "--format", form).replace("\\", "").split())
        assert file.parent.name in told
        assert reason.replace(" ", "") in told


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--metric", "p98"], "no metric named p98; there are: throughput, p50, p99, cpu_per_request, memory"),
        (["--topology", "cluster-9"], "no topology named cluster-9; there are: raw, cluster-2"),
        (["--scenario", "maid"], "no scenario named maid; there are: made"),
    ],
)
def test_names_that_nothing_has_are_told_with_those_that_there_are(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    on_day(tmp_path, 0, 1000)
    assert expected in said(tmp_path, *arguments, exit_code=2)


def test_a_folder_without_runs_is_told(tmp_path: Path) -> None:
    assert "no run in it that can be read" in said(tmp_path, exit_code=2)
    assert "nowhere: No such file or directory" in said(tmp_path / "nowhere", exit_code=2)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"(?s)no run in it.*broken/run\.json: not JSON"):
        read_runs(tmp_path)


def test_hostile_names_and_commits_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    run = on_day(tmp_path, 0, 1000, commit="[x](y)\x1b")
    run.path.rename(tmp_path / EVIL.replace("/", "∕"))
    (tmp_path / "[red]<script>\x1b").mkdir()
    (tmp_path / "[red]<script>\x1b" / "run.json").write_text("{")
    text = said(tmp_path)
    assert "\x1b" not in text
    assert "[x](y)" in text
    assert "[red]<script>\\x1b" in text.replace("\n", "")
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(said(tmp_path, "--format", "markdown"))
    page = said(tmp_path, "--format", "html")
    for shown in (html, page):
        assert "\x1b" not in shown
        assert shown.count("&lt;img src=x onerror=alert(1)&gt;") == 1
        assert "&lt;script&gt;" in shown
        for tag in ("<img", "<script", "<em>b", "<a "):
            assert tag not in shown
    assert [row.count("<td") for row in html.split("<tr>")[2:]] == [8]


def test_a_linter_has_nothing_to_say(tmp_path: Path) -> None:
    """But for long lines, which tables have."""
    step(tmp_path)
    run = on_day(tmp_path, 12, 1000, machine=environment(cores=2))
    run.path.rename(tmp_path / EVIL.replace("/", "∕"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    linter = PyMarkdownApi().disable_rule_by_identifier("MD013")
    assert linter.scan_string(said(tmp_path, "--format", "markdown")).scan_failures == []


def test_the_page_allows_its_own_style_and_nothing_else(tmp_path: Path) -> None:
    on_day(tmp_path, 0, 1000)
    page = said(tmp_path, "--format", "html")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"<script|<link|\son\w+=|\sstyle=|url\(|https?:", page)
    assert "color-scheme: light dark" in style
