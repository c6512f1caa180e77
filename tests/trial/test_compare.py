"""A whole comparison: every record on disk, whatever becomes of one topology or of the run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.analysis.comparison import Comparisons
from harness.measure.compare import compare
from harness.measure.observer import Observer
from harness.measure.preparation import prepare
from harness.measure.progress import Phase, Progress
from harness.measure.schedule import make_schedule
from harness.record import PlannedTrial, TrialRecord, read_run
from harness.scenario import Scenario, ScenarioError, Topology
from tests.rehearsal.service import Service
from tests.rehearsal.testbed import VirtualTestbed
from tests.server.family import Family
from tests.server.servers.serving import listen
from tests.server.topologies import prefork, small, topology
from tests.trial.trials import scenario

pytestmark = pytest.mark.compares

SEED = 7


class Silent(Observer):
    """An observer that remembers, and acts when a trial is being measured."""

    def __init__(self, act: Callable[["Silent"], None] = lambda _: None) -> None:
        self.begun: list[PlannedTrial] = []
        self.ended: list[TrialRecord] = []
        self.rounds = 0
        self._act = act

    def on_trial(self, planned: PlannedTrial) -> None:
        """Remember which trial begins."""
        self.begun.append(planned)

    def on_progress(self, progress: Progress) -> None:
        """Act in the measured window."""
        if progress.phase is Phase.MEASURING:
            self._act(self)

    def on_record(self, record: TrialRecord) -> None:
        """Remember what came of it."""
        self.ended.append(record)

    def on_comparisons(self, rounds: int, comparisons: Comparisons) -> None:
        """Remember how many rounds there have been."""
        self.rounds = rounds


def named(name: str, topology: Topology) -> Topology:
    """The topology under this name."""
    return topology.model_copy(update={"name": name})


def run(
    compared: Scenario, results: Path, observer: Silent | None = None, testbed: VirtualTestbed | None = None
) -> Path:
    """Make the comparison."""
    return compare(prepare(compared, SEED), results, "harness compare it", observer or Silent(), testbed)


def test_a_comparison_leaves_a_complete_folder(tmp_path: Path, family: Family) -> None:
    compared = scenario(named("one", small("page")), named("two", prefork(2)))
    observer = Reader(tmp_path / "latest")
    folder = run(compared, tmp_path, observer)
    made = read_run(folder)
    assert made.info.trials == list(make_schedule(compared, SEED)) == observer.begun
    assert [record.trial for record in made.records] == [planned.id for planned in observer.begun]
    assert made.records == observer.ended
    assert made.left_out == []
    assert {record.status for record in made.records} == {"ok"}
    assert made.scenario == compared
    assert made.ending is not None
    assert made.ending.reason == "all rounds"
    assert observer.rounds == 1
    assert (made.info.seed, made.info.command, made.info.skipped) == (SEED, "harness compare it", [])
    assert names_in(folder / "logs") == sorted(f"{planned.id}.log" for planned in observer.begun)
    assert names_in(tmp_path) == sorted([folder.name, "latest"])
    assert (tmp_path / "latest").resolve() == folder.resolve()
    assert family.alive() == []


class Reader(Silent):
    """Finds every record on disk as soon as the end of its trial is told."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def on_record(self, record: TrialRecord) -> None:
        """Compare what was told with what is on disk."""
        super().on_record(record)
        assert read_run(self._folder).records == self.ended


def names_in(folder: Path) -> list[str]:
    """The names of the files there, in order."""
    return sorted(path.name for path in folder.iterdir())


def test_a_run_goes_on_after_a_bad_topology(tmp_path: Path, family: Family) -> None:
    compared = scenario(named("good", small("page")), named("bad", small("exits_at_once")), rounds=2)
    records = read_run(run(compared, tmp_path)).records
    assert sorted((record.topology, record.block, record.status) for record in records) == [
        ("bad", 1, "failed"),
        ("bad", 2, "failed"),
        ("good", 1, "ok"),
        ("good", 2, "ok"),
    ]
    assert family.alive() == []


def test_odd_names_do_not_make_a_record_unreadable(tmp_path: Path) -> None:
    observer = Silent()
    made = read_run(run(scenario(named("odd", small("oddly_named"))), tmp_path, observer))
    assert made.records == observer.ended
    assert made.left_out == []


def test_a_topology_whose_program_is_missing_is_skipped_in_words(tmp_path: Path) -> None:
    exits = Service(down="the server exited with 1")
    missing = named("missing", topology("no-such-program", "{port}"))
    others = [named(name, small("exits_at_once")) for name in ("one", "two")]
    testbed = VirtualTestbed({"one": exits, "two": exits})
    made = read_run(run(scenario(missing, *others), tmp_path, testbed=testbed))
    (skipped,) = made.info.skipped
    assert skipped.name == "missing"
    assert skipped.reason.startswith("no-such-program not found on PATH; install no-such-program, or activate")
    assert sorted(record.topology for record in made.records) == ["one", "two"]
    assert made.scenario.baseline.name == "one"


def test_when_nothing_is_left_to_compare_no_folder_is_made(tmp_path: Path) -> None:
    missing = named("missing", topology("no-such-program", "{port}"))
    with pytest.raises(ScenarioError, match=r"test: nothing left to compare \(missing: no-such-program not found"):
        run(scenario(missing, named("one", small("page"))), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_fixed_port_in_use_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with listen(0) as stranger:
        port = stranger.getsockname()[1]
        fixed = named("fixed", small("page", port=port))
        with pytest.raises(ScenarioError, match=f"fixed: port {port} of 127.0.0.1: Address already in use"):
            run(scenario(fixed), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_keeps_the_records_of_the_trials_that_ended(tmp_path: Path, family: Family) -> None:
    def interrupt_second(observer: Silent) -> None:
        if len(observer.begun) == 2:
            raise KeyboardInterrupt

    observer = Silent(interrupt_second)
    compared = scenario(named("one", small("leaves_daemon")), named("two", prefork(2)), rounds=2)
    made = read_run(run(compared.model_copy(update={"interleave": "trials"}), tmp_path, observer))
    assert made.records == observer.ended
    assert len(made.records) == 1
    assert len(made.info.trials) == 4
    assert made.ending is not None
    assert made.ending.reason == "interrupted"
    assert family.alive() == []
