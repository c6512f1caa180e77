"""The page of a run, as a browser shows it to somebody without a network."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import cycle, islice, repeat
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness.load.spec import Arrivals
from harness.record import Run, SkippedTopology
from harness.report.html.charts import throughput, timeline, workers
from harness.report.html.charts.embed import chart_json
from harness.report.html.page import MAX_BYTES, render_html
from harness.report.html.policy import content_security_policy
from harness.report.run_report import RunReport
from harness.server.launch import LOG_TAIL_LINES
from tests.made_runs import environment, made_run, offered, open_record, record, scenario_of, topology
from tests.report.html_browser import Opened, launched, opened

EVIL: Final = "<img src=x onerror=alert(1)></script><script>alert(2)</script> [x](http://x) *b* `c` &lt;\n</pre># head"
RAW: Final = topology("raw", baseline=True)
TWO: Final = topology("cluster-2", workers=2)
FOUR: Final = topology("cluster-4", workers=4)
HOSTILE_LINE: Final = "<\"&'>" * 40  # the last lines of a log are of 4 KiB together
CHARTS: Final = ["throughput", "speedup", "latency", "timeline", "cpu", "memory"]
PAPER: Final = "getComputedStyle(document.body).backgroundColor"
CANVAS: Final = "Bokeh.documents[0].roots()[0].background_fill_color"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three rounds of three topologies, of which one trial failed and one is invalid; whatever may come from outside
    means no good."""
    records = [
        *(record(block, RAW, rate, served=[rate]) for block, rate in enumerate((100, 110, 105), start=1)),
        *(record(block, TWO, rate, served=[rate - 40, 40]) for block, rate in enumerate((190, 201, 195), start=1)),
        record(1, FOUR, 1000, status="invalid", reason="worker 11 ended during the trial"),
        record(2, FOUR, 0, status="failed", reason=EVIL).model_copy(update={"log_tail": EVIL.split("\n")}),
        record(3, FOUR, 360, status="invalid", reason="worker 12 ended during the trial"),
    ]
    machine = environment().model_copy(
        update={"cpu_model": EVIL, "system": EVIL, "node": EVIL, "packages": {EVIL: EVIL}, "git_commit": EVIL}
    )
    return made_run(
        tmp_path_factory.mktemp("run"),
        scenario_of([RAW, TWO, FOUR], 3),
        records,
        skipped=[SkippedTopology(name="third", reason=EVIL)],
        machine=machine,
        command=EVIL,
    )


@pytest.fixture(scope="module")
def file(run: Run) -> Path:
    return written(run)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = launched(playwright)
        yield started
        started.close()


@pytest.fixture(scope="module")
def desk(browser: Browser, file: Path) -> Iterator[Opened]:
    """One page for many tests, since opening it is what takes time; each puts back what it changes of the charts."""
    with opened(browser, file) as found:
        yield found


def written(run: Run) -> Path:
    path = run.path / "report.html"
    path.write_text(render_html(RunReport(run)), encoding="utf-8")
    return path


def table_of(heading: str) -> str:
    return f'[aria-label="{heading}"] > table'


def column(page: Page, table: str, title: str) -> list[str]:
    """The cells of a column, without their intervals."""
    heads = page.locator(f"{table} > thead th").all_inner_texts()
    place = [head.strip() for head in heads].index(title) + 1
    cells = page.locator(f"{table} > tbody > tr:first-child > :nth-child({place})").all_inner_texts()
    return [cell.split("\n")[0].strip() for cell in cells]


def are_visible(found: Opened, topology: str) -> list[bool]:
    """Of everything that is drawn of a topology, in all charts, whether it is visible."""
    shown: list[bool] = found.ask(
        """(name) => Bokeh.documents.flatMap((each) => [...each.all_models])
            .filter((model) => model.type === "GlyphRenderer" && model.name === name).map((model) => model.visible)""",
        topology,
    )
    return shown


def picture(found: Opened, chart: str) -> bytes:
    found.settle()
    return found.page.locator(f"#chart-{chart}").screenshot()


def focus_by_tab(page: Page, selector: str) -> None:
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} can't be reached with the tab key")


class Scripts(HTMLParser):
    """The policy of a page, its scripts, and whatever it names that is not in it."""

    def __init__(self) -> None:
        super().__init__()
        self.policy, self.scripts, self.outside = "", list[str](), list[str]()
        self._is_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        self._is_script = tag == "script" and given.get("type") != "application/json"
        places = [given.get(name) for name in ("src", "href", "srcset", "data", "action")]
        self.outside += [place for place in places if place is not None and not place.startswith("#")]

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts.append(data)
        self._is_script = False


def test_the_same_run_gives_the_same_page_which_is_small_enough(run: Run, file: Path) -> None:
    assert render_html(RunReport(run)) == file.read_text(encoding="utf-8")
    assert file.stat().st_size <= MAX_BYTES == 2_000_000


def many(run: Run, unsound: int, sound: int) -> Run:
    """The run's records over and over: so many that are invalid and have a long log, and then so many that count."""
    invalid = next(record for record in run.records if record.status == "invalid")
    invalid = invalid.model_copy(update={"log_tail": [HOSTILE_LINE] * LOG_TAIL_LINES})
    good = [record for record in run.records if record.status == "ok"]
    chosen = [*repeat(invalid, unsound), *islice(cycle(good), sound)]
    records = [each.model_copy(update={"trial": f"r{n:05d}-{'x' * 80}", "block": n}) for n, each in enumerate(chosen)]
    return run.model_copy(update={"records": records})


def rendered(run: Run) -> str:
    page = render_html(RunReport(run))
    assert len(page.encode()) <= MAX_BYTES
    return page


def test_hundreds_of_trials_are_there_as_a_whole(run: Run) -> None:
    page = rendered(many(run, unsound=4, sound=396))
    assert page.count("<summary>") == 400
    assert page.count("<p>Began ") == 400
    assert "holds 2 MB at most" not in page


def test_of_thousands_of_trials_those_that_failed_come_first_and_what_is_left_out_is_told(run: Run) -> None:
    page = rendered(many(run, unsound=200, sound=4))
    reasons, logs, rows = (page.count(each) for each in ('<p class="reason">', "<pre", '<td class="status">'))
    assert reasons == 200
    assert 10 < logs < 200
    assert f"of 204 trials {rows - page.count('<p>Began ')} are here without" in page
    assert f"and {204 - rows} not at all" in page

    page = rendered(many(run, unsound=5000, sound=0))
    rows = page.count('<td class="status">')
    assert 500 < page.count('<p class="reason">') == rows
    assert f"and {5000 - rows:,} not at all" in page


def test_charts_of_thousands_of_trials_show_some_of_them_and_say_so(run: Run) -> None:
    report = RunReport(run)
    report.measured_summaries = [
        replace(summary, trials=summary.trials * 1000) for summary in report.measured_summaries
    ]
    for draw in (throughput.draw, timeline.draw, workers.draw_cpu):
        chart = draw(report)
        assert re.search(r"[Oo]ne trial in \d+", chart.about)
        assert len(json.dumps(chart_json("it", chart))) < 150_000


def test_charts_that_leave_no_room_for_trials_are_left_to_the_pictures(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.report.html.page.MAX_BYTES", 500_000)
    page = render_html(RunReport(run))
    assert len(page.encode()) <= 500_000
    assert "as pictures they are in <code>charts/</code>" in page
    assert page.count("<summary>") == len(run.records)


def test_its_policy_lets_its_own_scripts_run_and_nothing_else(file: Path) -> None:
    parsed = Scripts()
    parsed.feed(file.read_text(encoding="utf-8"))
    assert len(parsed.scripts) == 2
    assert parsed.policy == content_security_policy(parsed.scripts)
    rules = dict(rule.strip().split(" ", 1) for rule in parsed.policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'none'"
    assert all(re.fullmatch(r"'sha256-[\w+/]+='", source) for source in rules["script-src"].split())
    assert parsed.outside == []


def test_it_opens_from_the_disk_with_all_charts_and_breaks_no_rule(desk: Opened) -> None:
    assert desk.ask("Bokeh.documents.length") == len(CHARTS)
    for name in CHARTS:
        assert len(picture(desk, name)) > 5000
    assert (desk.said, desk.fetched, desk.dialogs, desk.violations()) == ([], [], [], [])


def test_the_answer_comes_first(desk: Opened) -> None:
    assert desk.page.locator("#answer").inner_text().startswith("Run cluster-2: it serves 1.86× (")
    assert desk.page.locator("main > :first-child").get_attribute("id") == "answer"


def test_what_is_hostile_is_shown_as_text(desk: Opened) -> None:
    for place in ("#findings + ul", "#method + div", "dl"):
        assert "<img src=x onerror=alert(1)></script><script>alert(2)" in desk.page.locator(place).inner_text()
    assert desk.page.locator("img, script[src], pre h1, li em, dd a").count() == 0


def test_tables_sort_both_ways_with_what_was_not_measured_last(desk: Opened) -> None:
    page, summary, trials = desk.page, table_of("Summary"), table_of("Trials")
    head = page.locator(f"{summary} th", has_text="requests/s")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, summary, "requests/s") == ["105", "195", "not measured"]
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, summary, "requests/s") == ["195", "105", "not measured"]
    page.locator(f"{summary} th button", has_text="verdict").click()
    assert head.get_attribute("aria-sort") == "none"

    rates = ["100", "105", "110", "190", "195", "201", "360", "1,000"]
    button = page.locator(f"{trials} > thead th button", has_text="requests/s")
    button.click()
    assert column(page, trials, "requests/s") == [*rates, "–"]
    button.click()
    assert column(page, trials, "requests/s") == [*reversed(rates), "–"]


def test_every_trial_opens_with_its_reason_log_and_workers(desk: Opened) -> None:
    def trial(name: str) -> str:
        return f"tbody:has(> tr summary:text-is('{name}'))"

    page = desk.page
    assert page.locator("summary").count() == 9
    log = page.locator(f"{trial('r02-cluster-4')} pre")
    assert not log.is_visible()
    page.locator("summary", has_text="r02-cluster-4").click()
    assert log.inner_text() == EVIL
    assert page.locator(f"{trial('r02-cluster-4')} .reason").inner_text() == EVIL.replace("\n", "\\n")
    page.locator("summary", has_text="r01-cluster-2").click()
    rows = page.locator(f"{trial('r01-cluster-2')} .more tr:has(td)").all_inner_texts()
    assert [re.split(r"\s*\t\s*", row.strip()) for row in rows] == [
        ["worker", "10", "150", "79 %", "0.50", "–", "–", "32.0 MiB"],
        ["worker", "11", "40", "21 %", "0.50", "–", "–", "32.0 MiB"],
    ]


def test_a_topology_is_taken_out_of_all_charts_and_put_back(desk: Opened) -> None:
    button = desk.page.locator("[data-topology=cluster-2]")
    before = {name: picture(desk, name) for name in ("throughput", "timeline")}
    drawn = len(are_visible(desk, "cluster-2"))
    assert drawn > len(CHARTS)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert are_visible(desk, "cluster-2") == [False] * drawn
    assert all(are_visible(desk, "raw"))
    assert all(picture(desk, name) != before[name] for name in before)
    button.click()
    assert are_visible(desk, "cluster-2") == [True] * drawn


def test_a_chart_tells_what_is_under_the_mouse_and_zooms(desk: Opened) -> None:
    mouse, place = desk.page.mouse, desk.page.locator("#chart-throughput")
    place.scroll_into_view_if_needed()
    desk.settle()
    box = place.bounding_box()
    assert box
    x, y = desk.ask(
        """() => {
            const figure = Bokeh.documents[0].roots()[0];
            const { frame } = Bokeh.index.find_one(figure);
            const sources = figure.renderers.map((each) => each.data_source);
            const mean = sources.find((each) => each.columns().includes("mean"));
            return [frame.x_scale.compute(mean.get_array("x")[0]), frame.y_scale.compute(mean.get_array("y")[0])];
        }"""
    )
    left, top = box["x"] + x, box["y"] + y
    mouse.move(left - 2, top)
    mouse.move(left, top)
    told = desk.page.locator(".bk-Tooltip .bk-tooltip-content")
    told.wait_for()
    assert re.search(r"raw\s.*105 \(\d", told.inner_text(), re.DOTALL)

    ends = "() => { const { start, end } = Bokeh.documents[0].roots()[0].x_range; return [start, end]; }"
    before = desk.ask(ends)
    mouse.move(left + 40, top + 20)
    mouse.down()
    mouse.move(left + 140, top + 90, steps=4)
    mouse.up()
    desk.settle()
    after = desk.ask(ends)
    assert before[0] < after[0] < after[1] < before[1]
    desk.ask("Bokeh.index.find_one(Bokeh.documents[0].roots()[0]).reset()")


def test_the_keyboard_is_enough(desk: Opened) -> None:
    page = desk.page
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.locator(":focus").get_attribute("id") == "answer"
    focus_by_tab(page, "table.sortable th button")
    assert desk.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert column(page, table_of("Summary"), "topology") == ["cluster-2", "cluster-4", "raw"]
    page.locator('[aria-label="How sure it is"]').focus()
    focus_by_tab(page, "[data-topology=raw]")
    page.keyboard.press("Space")
    assert not any(are_visible(desk, "raw"))
    page.keyboard.press("Space")
    page.locator('[aria-label="Trials"]').focus()
    focus_by_tab(page, "details:not([open]) summary")
    page.keyboard.press("Enter")
    assert desk.ask("getComputedStyle(document.activeElement.closest('tr').nextElementSibling).display") == "table-row"


def test_the_theme_can_be_chosen_and_charts_follow(desk: Opened) -> None:
    looks = []
    for _ in range(3):
        looks.append((desk.ask(PAPER), desk.ask(CANVAS), picture(desk, "latency")))
        desk.page.locator("#theme").press("Enter")
    desk.page.locator("#theme").press("Enter")
    light, dark, again = looks
    assert light == again
    assert all(one != other for one, other in zip(light, dark, strict=True))


def test_paper_gets_light_charts_and_no_buttons_and_what_failed(desk: Opened) -> None:
    desk.page.locator("#theme").press("Enter")
    desk.ask("for (const each of document.querySelectorAll('details')) each.open = false")
    desk.page.emulate_media(media="print")
    desk.ask("dispatchEvent(new Event('beforeprint'))")
    for gone in ("nav", "#theme", ".legend", ".skip"):
        assert not desk.page.locator(gone).is_visible()
    assert sum(more.is_visible() for more in desk.page.locator(".more").all()) == 3
    assert desk.ask(PAPER) == "rgb(255, 255, 255)"
    assert desk.ask(CANVAS) == "#FFFFFF"
    desk.page.emulate_media(media="screen")
    desk.page.locator("#theme").press("Enter")


def test_a_phone_at_night_shows_it_without_scrolling_sideways(browser: Browser, file: Path) -> None:
    with opened(browser, file, width=375, scheme="dark") as found:
        assert found.ask(PAPER) == "rgb(21, 24, 28)"
        assert found.ask(CANVAS) == "#15181C"
        assert found.ask("document.documentElement.scrollWidth") == 375
        assert found.ask("document.querySelector('#chart-speedup > *').getBoundingClientRect().width") <= 375
        assert found.page.locator('[aria-label="Summary"]').evaluate("(each) => each.scrollWidth > each.clientWidth")


def test_a_single_topology_in_an_open_loop_is_compared_with_nothing(browser: Browser, tmp_path: Path) -> None:
    scenario = scenario_of([RAW], 3)
    arrivals = Arrivals(kind="poisson", rate_per_s=500.0)
    scenario = scenario.model_copy(update={"load": scenario.load.model_copy(update={"arrivals": arrivals})})
    records = [open_record(block, RAW, offered(500 + block, dropped=block, queued=3)) for block in (1, 2, 3)]
    with opened(browser, written(made_run(tmp_path, scenario, records))) as found:
        assert "nothing to compare it with" in found.page.locator("#answer").inner_text()
        assert found.page.locator("#verdicts + p").inner_text() == "Nothing was compared."
        cells = found.page.locator(f"{table_of('What became of the offer')} tbody tr:first-child > *").all_inner_texts()
        figures = ["502/s", "500/s", "1.50 ms", "0.500 ms", "1.99 ms", "0.500 ms", "9", "6", "0", "20 µs"]
        assert [cell.strip() for cell in cells] == ["raw", *figures]
        assert found.page.locator("#chart-speedup").count() == 0
        assert found.page.locator("#chart-latency canvas").count()


def test_topologies_in_an_open_loop_are_compared_by_p99(tmp_path: Path) -> None:
    scenario = scenario_of([RAW, TWO], 3)
    arrivals = Arrivals(kind="constant", rate_per_s=500.0)
    scenario = scenario.model_copy(update={"load": scenario.load.model_copy(update={"arrivals": arrivals})})
    records = [open_record(block, each, offered(500)) for block in (1, 2, 3) for each in (RAW, TWO)]
    text = written(made_run(tmp_path, scenario, records)).read_text(encoding="utf-8")
    assert "<strong>Stay with <code>raw</code></strong>: nothing is faster than its p99" in text
    assert "Requests/s are what was offered" in text


def test_nothing_measured_is_told_and_a_script_of_others_refused(browser: Browser, tmp_path: Path) -> None:
    failed = record(1, RAW, 0, status="failed", reason="the server exited with 1")
    with opened(browser, written(made_run(tmp_path, scenario_of([RAW, TWO], 1), [failed]))) as found:
        assert "nothing to draw" in found.page.locator("#charts + p").inner_text()
        assert column(found.page, table_of("Summary"), "requests/s") == ["not measured"] * 2
        assert column(found.page, table_of("Trials"), "status") == ["failed"]
        found.ask("document.body.append(Object.assign(document.createElement('script'), { text: 'window.bad = 1' }))")
        assert found.ask("window.bad") is None
        assert found.violations() == ["script-src-elem"]
        found.said.clear()


def test_workers_that_answered_nothing_have_no_share(tmp_path: Path) -> None:
    made = record(1, RAW, 100)
    assert made.load is not None
    idle = made.model_copy(update={"load": made.load.model_copy(update={"workers": {"10": 0}})})
    assert "r01-raw" in rendered(made_run(tmp_path, scenario_of([RAW], 1), [idle]))


def test_a_run_without_a_trial_still_has_a_page(tmp_path: Path) -> None:
    text = written(made_run(tmp_path, scenario_of([RAW], 1), [], ending=None)).read_text(encoding="utf-8")
    assert "No trial was made." in text
    assert "Bokeh Contributors" not in text
