"""Page faults and context switches are told for each request: of a launch, by role, and in every report."""

import json
from pathlib import Path
from typing import Final

import pandas as pd
import pytest

from harness.analysis.launch import PerRequest, per_request, per_request_by_role
from harness.analysis.trials import trials_of
from harness.record import ProcessUsage, Role, Run, TrialRecord
from harness.report.formats import FORMATS
from harness.report.html.page import render_html
from harness.report.kernel_work import kernel_work_rows
from harness.report.markdown import render_markdown
from harness.report.run_report import RunReport
from harness.report.tables import trials_frame
from tests.made_runs import made_run, record, scenario_of, topology, with_faults

RAW: Final = topology("raw", baseline=True)
TWO: Final = topology("cluster-2", workers=2)


def process(pid: int, role: Role, minor: int | None, major: int = 0, waits: int = 0, leaves: int = 0) -> ProcessUsage:
    return ProcessUsage(
        pid=pid,
        role=role,
        user_s=0.1,
        system_s=0.0,
        run_delay_s=0.0,
        busiest_thread_s=0.1,
        rss_bytes=2**25,
        voluntary_switches=waits,
        involuntary_switches=leaves,
        minor_faults=minor,
        major_faults=None if minor is None else major,
    )


def launch(*processes: ProcessUsage, **usage: object) -> TrialRecord:
    """A trial with 100 requests and these processes."""
    made = record(1, RAW, 100)
    assert made.usage is not None
    return made.model_copy(update={"usage": made.usage.model_copy(update={"processes": list(processes), **usage})})


CLUSTER: Final = (
    process(10, "worker", 1000, 5, 30, 2),
    process(11, "worker", 600, 0, 10, 4),
    process(12, "front", 50, 0, 200, 0),
    process(13, "supervisor", 0, 0, 1, 0),
)


def all_of(made: TrialRecord) -> PerRequest | None:
    assert made.load is not None
    assert made.usage is not None
    return per_request(made.load, made.usage)


def test_all_processes_are_added_up_and_those_that_ended_too() -> None:
    made = launch(*CLUSTER, reaped_minor_faults=350, reaped_major_faults=45)
    assert all_of(made) == PerRequest(20.0, 0.5, 2.41, 0.06)


def test_a_role_has_the_figures_of_its_processes() -> None:
    made = launch(*CLUSTER, reaped_minor_faults=350)
    assert made.load is not None
    assert made.usage is not None
    assert per_request_by_role(made.load, made.usage) == {
        "worker": PerRequest(16.0, 0.05, 0.4, 0.06),
        "front": PerRequest(0.5, 0.0, 2.0, 0.0),
        "supervisor": PerRequest(0.0, 0.0, 0.01, 0.0),
    }


def test_requests_are_those_between_the_readings_where_they_are_counted() -> None:
    """As in slices, which have a beginning and an end that are not in the window."""
    assert all_of(launch(process(10, "worker", 1000), requests=125)) == PerRequest(8.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("faults", [(None, None), (None, 100)])
def test_what_an_older_record_does_not_have_is_unknown(faults: tuple[int | None, ...]) -> None:
    processes = [process(pid, "worker", of) for pid, of in enumerate(faults, start=10)]
    assert all_of(launch(*processes)) == PerRequest(None, None, 0.0, 0.0)


def test_without_a_request_there_is_no_figure() -> None:
    made = launch(process(10, "worker", 1000), requests=0)
    assert all_of(made) is None
    (trial,) = trials_of([made], ["raw"])["raw"]
    assert trial.minor_faults_per_request is None


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three launches that paid 2, 20 and 3 page faults a request, and one of another topology."""
    records = [with_faults(record(block, RAW, 100), of) for block, of in ((1, 2), (2, 20), (3, 3))]
    records += [launch(*CLUSTER).model_copy(update={"topology": "cluster-2", "trial": "r01-cluster-2", "workers": 2})]
    return made_run(tmp_path_factory.mktemp("results"), scenario_of([RAW, TWO], 3), records)


def test_every_trial_has_them_in_the_table_of_trials(run: Run) -> None:
    frame: pd.DataFrame = trials_frame(RunReport(run)).set_index("trial")
    assert frame["minor_faults_per_request"].tolist() == [2.0, 20.0, 3.0, 16.5]
    assert frame["worker_minor_faults_per_request"].tolist() == [2.0, 20.0, 3.0, 16.0]
    cluster = frame.loc["r01-cluster-2"]
    assert (cluster["front_voluntary_switches_per_request"], cluster["major_faults_per_request"]) == (2.0, 0.05)
    assert frame["front_voluntary_switches_per_request"].isna().sum() == 3


def test_every_trial_has_them_for_programs(run: Run) -> None:
    launches = json.loads(FORMATS["json"](RunReport(run)))["launches"]
    assert [(each["trial"], each["round"], each["per_request"]["minor_faults"]) for each in launches] == [
        ("r01-raw", 1, 2.0),
        ("r02-raw", 2, 20.0),
        ("r03-raw", 3, 3.0),
        ("r01-cluster-2", 1, 16.5),
    ]
    assert launches[3]["by_role"]["front"]["voluntary_switches"] == 2.0


def test_the_reports_tell_the_median_and_all_between_which_it_lies(run: Run) -> None:
    text = render_markdown(RunReport(run))
    assert "| raw | all | 3.0 (2.0–20.0) | 0.0 | 0.0 | 0.0 |" in text
    assert "| cluster-2 | front | 0.5 | 0.0 | 2.0 | 0.0 |" in text
    assert "2.0–20.0" in render_html(RunReport(run))


def test_the_page_tells_them_of_each_trial(run: Run) -> None:
    said = "100 requests in 1s, each for 20.0 minor page faults, 0.0 voluntary switches and 0.0 involuntary ones."
    assert said in render_html(RunReport(run))


def test_a_role_has_a_row_of_its_own_where_it_is_not_all_there_is(run: Run) -> None:
    """The supervisor, which did nothing, has none."""
    rows = [(row.topology, row.role) for row in kernel_work_rows(RunReport(run).summaries)]
    assert rows == [("raw", "all"), ("cluster-2", "all"), ("cluster-2", "worker"), ("cluster-2", "front")]


def test_of_older_runs_nothing_is_shown(tmp_path: Path) -> None:
    made = made_run(tmp_path, scenario_of([RAW, TWO], 1), [record(1, RAW, 100), record(1, TWO, 100)])
    assert "page fault" not in render_markdown(RunReport(made))
    assert "Page faults" not in render_html(RunReport(made))
