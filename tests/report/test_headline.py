"""The headline answers the question, and says no more than the run can tell."""

from collections.abc import Callable
from pathlib import Path

from harness.record import OtherProcess, TrialRecord
from harness.report.run_report import RunReport
from harness.scenario import Topology
from tests.made_runs import made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)
ONE, TWO, FOUR = (topology(f"cluster-{n}", workers=n) for n in (1, 2, 4))


def headline_of(tmp_path: Path, rates: dict[str, list[float]], *topologies: Topology) -> str:
    rounds = max(map(len, rates.values()))
    by_name = {each.name: each for each in topologies}
    records = [
        record(block, by_name[name], rate) for name, each in rates.items() for block, rate in enumerate(each, start=1)
    ]
    run = made_run(tmp_path, scenario_of(list(topologies), rounds), records)
    return RunReport(run).headline


def test_the_smallest_cluster_that_is_as_good_as_the_best_is_chosen(tmp_path: Path) -> None:
    text = headline_of(
        tmp_path,
        {
            "raw": [100, 101, 99, 100],
            "cluster-1": [95, 96, 94, 95],
            "cluster-2": [180, 182, 178, 181],
            "cluster-4": [181, 182, 178, 182],
        },
        RAW, ONE, TWO, FOUR,
    )  # fmt: skip
    assert text.startswith("**Run `cluster-2`**: it serves 1.80×")
    assert "`cluster-4` serves as much" in text


def test_more_workers_are_chosen_when_they_serve_more(tmp_path: Path) -> None:
    text = headline_of(
        tmp_path,
        {"raw": [100, 101, 99], "cluster-2": [180, 182, 178], "cluster-4": [300, 303, 298]},
        RAW, TWO, FOUR,
    )  # fmt: skip
    assert text.startswith("**Run `cluster-4`**")


def test_one_process_is_enough_when_clusters_serve_less(tmp_path: Path) -> None:
    text = headline_of(tmp_path, {"raw": [100, 101, 99], "cluster-2": [80, 82, 79]}, RAW, TWO)
    assert text.startswith("**Stay with `raw`**")


def test_noise_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    text = headline_of(tmp_path, {"raw": [100, 101, 99], "cluster-2": [80, 160, 110]}, RAW, TWO)
    assert text.startswith("**No answer yet**")


def test_of_many_topologies_those_that_are_not_listed_are_only_counted(tmp_path: Path) -> None:
    clusters = [topology(f"cluster-{n}", workers=n) for n in range(1, 9)]
    rates = {"raw": [100.0] * 4} | {each.name: [100.0, 100.1, 99.9, 100.0] for each in clusters}
    assert "; and 2 more)" in headline_of(tmp_path, rates, RAW, *clusters)


def test_one_round_is_not_an_answer(tmp_path: Path) -> None:
    text = headline_of(tmp_path, {"raw": [100], "cluster-2": [200]}, RAW, TWO)
    assert "One round has no interval" in text
    assert "**Run" not in text


def test_without_a_baseline_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert "nothing to compare with" in headline_of(tmp_path, {"cluster-2": [200, 201]}, RAW, TWO)


def disturbed_headline(tmp_path: Path, rates: dict[str, list[float]], disturbed: int) -> str:
    """Of a run in so many trials of which another process had half of the cores."""
    records = [
        record(block, RAW if name == "raw" else TWO, rate)
        for name, each in rates.items()
        for block, rate in enumerate(each, start=1)
    ]
    made = made_run(
        tmp_path,
        scenario_of([RAW, TWO], len(rates["raw"])),
        [*map(with_a_stranger, records[:disturbed]), *records[disturbed:]],
    )
    return RunReport(made).headline


def with_a_stranger(record: TrialRecord) -> TrialRecord:
    """The same, with a process beside it that used four of eight cores."""
    assert record.usage
    machine = record.usage.machine
    cores = [core.model_copy(update={"busy_s": core.busy_s + 0.5, "idle_s": 0.0}) for core in machine.cores]
    others = [OtherProcess(pid=4711, name="cc1_plus", cpu_s=4.0, cpu=1)]
    usage = {"machine": machine.model_copy(update={"cores": cores}), "others": others}
    return record.model_copy(update={"usage": record.usage.model_copy(update=usage)})


NOISY: dict[str, list[float]] = {"raw": [100, 101, 99], "cluster-2": [80, 160, 110]}


def test_where_nothing_can_be_told_for_the_machine_that_is_said_first(tmp_path: Path) -> None:
    text = disturbed_headline(tmp_path, NOISY, 4)
    assert text.startswith("**The machine was disturbed**, so that nothing can be told of the speed: in 4 of 6 trials")
    assert "of the 8 cores: cc1\\_plus (process 4711) 400% of one. End them, or measure on a machine of its own" in text
    assert "**No answer yet**" in text


def test_nothing_is_said_of_the_machine_where_something_can_be_told_or_few_trials_were_disturbed(
    tmp_path: Path,
) -> None:
    told: dict[str, list[float]] = {"raw": [100, 101, 99, 100], "cluster-2": [180, 182, 178, 181]}
    assert disturbed_headline(tmp_path / "told", told, 8).startswith("**Run `cluster-2`**")
    assert disturbed_headline(tmp_path / "few", NOISY, 3).startswith("**No answer yet**")


def test_where_one_of_two_commits_was_shown_to_cost_more_the_machine_does_not_deny_it(tmp_path: Path) -> None:
    """Time that others take makes the rates scatter, and not the CPU time of a request."""
    sides = scenario_of([RAW], 6).on_two_commits(Path("/base"), Path("/head"))
    ((base, head),) = sides.pairs
    rates = [100.0, 90.0, 125.0, 80.0, 110.0, 95.0]

    def text_of(cpu_s: Callable[[float], float]) -> str:
        """Of heads whose trials at such rates use so much CPU time."""
        records = [record(block, base, 100) for block in range(1, 7)]
        records += [record(block, head, rate, cpu_s=cpu_s(rate)) for block, rate in enumerate(rates, start=1)]
        return RunReport(made_run(tmp_path, sides, list(map(with_a_stranger, records)))).headline

    assert text_of(lambda rate: 0.0055 * rate).startswith("**Worse: CPU/request. Can't tell: ")
    assert text_of(lambda rate: 0.5).startswith("**The machine was disturbed**")


def test_trials_that_do_not_count_for_another_reason_are_not_put_down_to_the_machine(tmp_path: Path) -> None:
    invalid = {"status": "invalid", "reason": "30 bodies were not as expected"}
    raw = [with_a_stranger(record(block, RAW, 100)).model_copy(update=invalid) for block in (1, 2, 3)]
    two = [with_a_stranger(record(block, TWO, 100)) for block in (1, 2, 3)]
    for number, records in enumerate(([*raw], [*raw, *two])):
        text = RunReport(made_run(tmp_path / str(number), scenario_of([RAW, TWO], 3), records)).headline
        assert "No trial of the baseline counts" in text
        assert text.startswith("**The machine") is bool(number)
