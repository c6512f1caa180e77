"""Runs whose texts were written by somebody who means no good: they are shown as text, by every report."""

import csv
import io
import re
from pathlib import Path
from typing import Final

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from harness.doctor.check import warn
from harness.record import Revision, Run, RunFolderError, SkippedTopology
from harness.report.formats import FORMATS
from harness.report.markdown import render_markdown
from harness.report.markup import code, plain
from harness.report.run_report import RunReport
from harness.report.terminal import render_terminal
from harness.report.write import write_reports
from tests.made_runs import environment, made_run, record, scenario_of, topology

EVIL: Final = "<img src=x onerror=alert(1)> [x](http://x) | *b* `c` &lt; \x1b[31m\n# head\n<script>"
RAW: Final = topology("raw", baseline=True)
TWO: Final = topology("cluster-2", 2)


def hostile_run(results: Path) -> Run:
    """Everything in it that may come from outside is hostile."""
    machine = environment().model_copy(
        update={"cpu_model": EVIL, "system": EVIL, "node": EVIL, "packages": {EVIL: EVIL}, "git_commit": EVIL}
    )
    failed = record(1, TWO, 0, status="failed", reason=EVIL).model_copy(update={"log_tail": EVIL.split("\n")})
    return made_run(
        results,
        scenario_of([RAW, TWO], 1),
        [record(1, RAW, 100), failed],
        skipped=[SkippedTopology(name="third", reason=EVIL)],
        machine=machine,
        checks=[warn(EVIL, EVIL, EVIL)],
        command=EVIL,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Without reports."""
    return hostile_run(tmp_path)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    """With all of its reports, which take their time, and what they say."""
    return write_reports(hostile_run(tmp_path_factory.mktemp("results")))


def test_markdown_shows_it_and_obeys_none_of_it(reported: RunReport) -> None:
    run = reported.run
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render((run.path / "report.md").read_text())
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") >= 9
    for tag in ("<img src=x", "<script", "<em>b", "<code>c", '<a href="http://x"', "<h1>head"):
        assert tag not in html
    rows = [line for line in html.split("<tr>") if "kernel" in line]
    assert [row.count("<td") for row in rows] == [2]


def test_the_terminal_obeys_none_of_it(reported: RunReport) -> None:
    console = Console(width=200, force_terminal=True, color_system=None, record=True, file=io.StringIO())
    console.print(render_terminal(reported))
    said = console.export_text(styles=False)
    assert "\x1b[31m" not in said
    assert "<img src=x onerror=alert(1)>" in said


@pytest.mark.parametrize("text", ["plain", EVIL, "`", "``a`", "a|b", "\\", "\\`", "", " x "])
def test_a_code_span_and_a_sentence_read_as_what_was_written(text: str) -> None:
    shown = " ".join(text.split())
    for marked in (plain(text), code(text)) if shown else ():
        ((inline,),) = [[token for token in MarkdownIt().parse(marked) if token.type == "inline"]]
        children = inline.children or []
        assert "".join(child.content for child in children) == shown.replace("\x1b", "\\x1b")
        assert {child.type for child in children} <= {"text", "text_special", "code_inline"}


CALLS: Final = "by @torvalds, fixes #12 and GH-7, a/b#3, see https://a.example/x www.b.example 0123abc me@a.example"
SEEN_BY_GITHUB: Final = re.compile(r"@\w|#\d|GH-\d|https?://|www\.|\b[0-9a-f]{7,40}\b")


def text_outside_code(markdown: str) -> str:
    """What Markdown shows, less its code spans and fences, in which GitHub looks for nothing."""
    html = MarkdownIt("commonmark").enable("table").render(markdown)
    return re.sub(r"<[^>]*>", "", re.sub(r"<code.*?</code>", "", html, flags=re.DOTALL))


@pytest.mark.parametrize("word", CALLS.split())
@pytest.mark.parametrize("around", ["{}", "({})", "x|{}|y", "*{}*", "`{}", "{}."])
def test_nothing_that_is_said_calls_somebody_or_links(word: str, around: str) -> None:
    assert SEEN_BY_GITHUB.search(text_outside_code(plain(around.format(word)))) is None


def test_a_comment_calls_nobody_and_links_nowhere(tmp_path: Path) -> None:
    topologies = scenario_of([topology("www.b.example", baseline=True)], 1).on_two_commits(Path("/a"), Path("/b"))
    base, head = topologies.topologies
    revisions = [Revision(ref=f"{side} {CALLS}", commit="f" * 40, subject=CALLS) for side in ("base", "head")]
    failed = record(1, head, 0, status="failed", reason=CALLS)
    checks = [warn(CALLS, CALLS, CALLS)]
    run = made_run(
        tmp_path, topologies, [record(1, base, 100), failed], command=CALLS, revisions=revisions, checks=checks
    )
    comment = FORMATS["github"](RunReport(run))
    assert comment.count("torvalds") >= 4
    assert SEEN_BY_GITHUB.search(text_outside_code(comment)) is None


def test_spreadsheets_get_no_formula(tmp_path: Path) -> None:
    failed = record(1, RAW, 0, status="failed", reason="=HYPERLINK(0)")
    run = made_run(tmp_path, scenario_of([RAW], 1), [failed])
    write_reports(run)
    for file in ("trials.csv", "summary.csv"):
        cells = [cell for row in csv.reader(io.StringIO((run.path / file).read_text())) for cell in row]
        assert cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


@pytest.mark.parametrize("name", ["report.md", "report.html", "trials.csv", "wrk.txt"])
def test_a_link_in_the_place_of_a_report_is_replaced_and_not_followed(
    run: Run, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.report.write.write_charts", lambda *_: [])  # which take their time
    monkeypatch.setattr("harness.report.write.render_html", lambda *_: "a page")
    precious = tmp_path / "precious"
    precious.write_text("not yours")
    (run.path / name).symlink_to(precious)
    write_reports(run)
    assert precious.read_text() == "not yours"
    assert not (run.path / name).is_symlink()


def test_a_link_in_the_place_of_the_charts_is_refused(run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (run.path / "charts").symlink_to(elsewhere)
    with pytest.raises(RunFolderError, match="charts: is a link"):
        write_reports(run)
    assert list(elsewhere.iterdir()) == []
    assert not list(run.path.glob(".reports-*"))


def test_however_much_is_said_of_trials_that_do_not_count_a_report_has_room_for_so_much(tmp_path: Path) -> None:
    reasons = ["short", "x" * 1_000_000, *("y" * 60_000 for _ in range(6))]
    failed = [
        record(block, RAW, 0, status="failed", reason=reason).model_copy(update={"log_tail": ["z" * 1000] * 10})
        for block, reason in enumerate(reasons, start=1)
    ]
    report = render_markdown(RunReport(made_run(tmp_path, scenario_of([RAW], len(failed)), failed)))
    assert "failed: short" in report
    assert "r02-raw" not in report
    assert "- 5 more, for which there is no room here, are in `trials.csv`." in report
    assert len(report) < 250_000
