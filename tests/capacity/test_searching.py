"""The search, on loopback once and else with simulated trials: records on disk, reports from the folder alone."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console
from typer.testing import CliRunner

from harness.analysis.capacity import Capacity, capacities
from harness.analysis.run import RunAnalysis
from harness.cli import app
from harness.cli.outcome import capacity_exit_code
from harness.cli.search_progress import SearchDisplay
from harness.measure.capacity.search import LADDER
from harness.measure.capacity.searching import search
from harness.measure.preparation import prepare
from harness.record import PlannedTrial, Run, TrialRecord, read_run
from harness.report.capacity.note import render_capacity_markdown
from harness.report.capacity.write import write_capacity
from harness.scenario import Objective, Topology
from harness.stats.estimate import Estimate
from tests.made_runs import made_run, record, scenario_of, topology
from tests.rehearsal.service import Service
from tests.rehearsal.testbed import VirtualTestbed
from tests.trial.trials import scenario

PAUSES = Topology(
    name="pauses",
    family="pauses",
    command=("{harness_python}", "-m", "bench.capacity.one_line", "--port", "{port}", "--mean-ms", "5", "--seed", "1"),
)
SCENARIO = '[[topology]]\nname = "raw"\ncommand = ["{harness_python}", "-m", "http.server", "{port}"]\n'


TESTBED = VirtualTestbed({"pauses": Service(mean_ms=5.0)})
ENOUGH = 7  # trials: a closed loop alone, then another beside the ladder
FEW = 4  # two probes or more are among them


class Interrupts(SearchDisplay):
    """Somebody presses Ctrl-C after so many trials."""

    def __init__(self, after: int) -> None:
        super().__init__(Console(quiet=True))
        self._left = after

    def on_trial(self, planned: PlannedTrial) -> None:
        """Not one more."""
        if not self._left:
            raise KeyboardInterrupt
        super().on_trial(planned)

    def on_record(self, record: TrialRecord) -> None:
        """One less."""
        self._left -= 1


def searched(results: Path, trials: int, *slo: str, testbed: VirtualTestbed | None = None) -> Run:
    """A search that was interrupted after so many trials, on a server that serves 200/s."""
    objectives = [Objective.parse(text) for text in slo]
    made = scenario(PAUSES).model_copy(update={"max_time_s": 600.0, "rounds": None})
    with Interrupts(trials) as observer:
        path = search(prepare(made, 1), objectives, results, "harness capacity x", observer, testbed)
    return read_run(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One that came to the ladder, with simulated trials."""
    return searched(tmp_path_factory.mktemp("results"), ENOUGH, "p99 < 100ms", "errors < 1%", testbed=TESTBED)


def test_every_trial_is_on_disk_with_the_rate_that_was_offered(run: Run) -> None:
    assert run.is_search
    assert run.left_out == []
    (found,) = capacities(run)
    rates = [record.rate_per_s for record in run.records]
    assert rates[0] is None
    assert rates.count(None) == 2
    assert len(found.probes) + len(found.left_out) == len(LADDER)
    assert run.ending
    assert run.ending.reason == "interrupted"


@pytest.mark.alone  # it measures
def test_probes_arrive_at_random_and_each_meets_a_fresh_server(tmp_path: Path) -> None:
    run = searched(tmp_path, FEW, "p99 < 100ms", "errors < 1%")
    probes = [record for record in run.records if record.rate_per_s and record.load]
    assert {record.load.offered.kind for record in probes if record.load and record.load.offered} == {"poisson"}
    assert len({record.processes[0].pid for record in probes}) == len(probes) >= FEW - 2


def test_the_reports_are_made_from_the_folder_alone(run: Run) -> None:
    (found,) = write_capacity(run).capacities
    note = (run.path / "capacity.md").read_text(encoding="utf-8")
    document = json.loads((run.path / "capacity.json").read_text(encoding="utf-8"))
    assert "p99 &lt; 100ms" in note or "p99 \\< 100ms" in note
    assert [len(each["probes"]) for each in document["topologies"]] == [len(found.probes)]
    assert (run.path / "charts" / "capacity.png").read_bytes().startswith(b"\x89PNG")
    assert "harness capacity x" in note
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "how many requests/s with p99 &lt; 100ms and errors &lt; 1%?" in page
    assert "Latency against the rate offered" in page


def test_the_report_verb_knows_a_search(run: Run) -> None:
    (run.path / "capacity.md").unlink(missing_ok=True)
    done = CliRunner().invoke(app, ["report", str(run.path)])
    assert done.exit_code == 0
    assert (run.path / "capacity.md").exists()
    assert "pauses" in done.output


def test_what_failed_beside_the_probes_is_in_the_note(run: Run) -> None:
    assert run.ending is not None
    ending = run.ending.model_copy(update={"failure": "the hook cleanup exited with code 7"})
    assert "cleanup" not in render_capacity_markdown(RunAnalysis(run))
    said = render_capacity_markdown(RunAnalysis(run.model_copy(update={"ending": ending})))
    assert "Beside the trials there was a failure: the hook cleanup exited with code 7." in said


def test_a_search_is_not_gone_on_with(run: Run) -> None:
    done = CliRunner().invoke(app, ["resume", str(run.path)])
    assert done.exit_code == 2
    assert "made anew" in done.output


def test_records_that_could_not_be_of_it_do_not_count(run: Run) -> None:
    trials = run.path / "trials.jsonl"
    before = trials.read_text(encoding="utf-8")
    record = run.records[0].model_copy(update={"topology": "stranger", "trial": "r999-01-stranger"})
    try:
        trials.write_text(before + record.model_dump_json() + "\n", encoding="utf-8")
        found = read_run(run.path)
    finally:
        trials.write_text(before, encoding="utf-8")
    assert len(found.records) == len(run.records)
    assert "stranger" in found.left_out[0]


@pytest.mark.parametrize(
    ("slo", "said"),
    [
        (["fast"], "expected an objective such as"),
        (["p99 < 3s"], "expected less than the time-out of the load, 2s"),
        (["p99 < 1s", "p99 < 1s"], "one of them twice"),
    ],
)
def test_objectives_that_can_not_be_are_refused(tmp_path: Path, slo: list[str], said: str) -> None:
    file = tmp_path / "a.toml"
    file.write_text(f'name = "a"\n{SCENARIO}', encoding="utf-8")
    options = [word for text in slo for word in ("--slo", text)]
    done = CliRunner().invoke(app, ["capacity", str(file), *options, "--out", str(tmp_path / "results")])
    assert done.exit_code == 2
    assert said in done.output.replace("\n", " ")
    assert not (tmp_path / "results").exists()


def test_an_interrupt_keeps_what_was_measured_and_draws_nothing_of_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    interrupted = searched(tmp_path, 1, "errors < 1%", testbed=TESTBED)
    assert len(interrupted.records) == 1
    assert not interrupted.is_whole
    write_capacity(interrupted)
    assert caplog.messages == []  # Bokeh warns of charts in which there is nothing
    assert "Nothing is known" in (interrupted.path / "capacity.md").read_text(encoding="utf-8")


def test_a_search_whose_closed_loops_bring_nothing_was_given_up(tmp_path: Path) -> None:
    hopeless = searched(tmp_path, 99, "errors < 1%", testbed=VirtualTestbed({"pauses": Service(failing=1.0)}))
    assert hopeless.ending is not None
    assert hopeless.ending.reason == "given up"
    write_capacity(hopeless)
    note = (hopeless.path / "capacity.md").read_text(encoding="utf-8")
    assert "until none of them was expected to bring an answer" in note


@pytest.mark.parametrize(("rate", "code"), [(None, 1), (100.0, 0)])
def test_a_search_without_an_answer_is_not_fine(
    tmp_path: Path, rate: float | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    made = made_run(tmp_path, scenario_of([topology("raw", baseline=True)], 1), [record(1, topology("raw"), 100)])
    estimate = Estimate(rate, None, None, 1, "made up") if rate else None
    found = cast(Capacity, SimpleNamespace(rate=estimate, unkept=None))
    assert capacity_exit_code(made, [found]) == code
    assert ("no search came to an answer" in capsys.readouterr().err) is bool(code)
