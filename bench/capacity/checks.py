"""The checks: each yields rows of what was said beside what is so."""

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.capacity.one_line import SERVICES
from bench.checking import Row
from harness.analysis.capacity import Capacity, Probe, capacities
from harness.analysis.trials import valid_trials
from harness.cli.progress import PlainDisplay
from harness.cli.search_progress import SearchDisplay
from harness.measure.capacity.searching import search
from harness.measure.capacity.setting import for_search
from harness.measure.compare import compare
from harness.measure.preparation import prepare, seed_or_random
from harness.measure.trial import run_trial
from harness.planning.evidence import evidence_of
from harness.planning.prediction import predict
from harness.planning.response_times import expected_at, matching_models
from harness.record import PlannedTrial, Run, read_run
from harness.report.figures import rate_interval_text
from harness.scenario import Objective, Scenario, Topology, load_scenario
from harness.stats.estimate import Estimate, mean_over_trials
from harness.units import rate_text

ROOT: Final = Path(__file__).parents[2]
REPEATS: Final = 10
ASKED: Final = 9  # of them
SERVED_PER_S, LIMIT_MS = 1000.0, 30.7  # M/M/1: 850/s keep p99 < 30.7 ms
MOST_OFF: Final = 0.05
MOST_OFF_FORETOLD: Final = 0.1
MOST_OFF_EXPECTED: Final = 0.25
EXPECTED_AT: Final = (0.5, 0.7, 0.9)  # of the capacity
SEARCH_S: Final = 175.0  # three minutes less what starting and reporting take
FORETOLD: Final = 8  # workers
AGAIN_S: Final = 60.0
KEPT_AT, BROKEN_AT = 0.95, 1.15
CONSOLE: Final = Console(stderr=True)


def one_line() -> Iterator[Row]:
    """The capacity of a queue whose law is known, found again and again."""
    truth = SERVED_PER_S - math.log(100) / LIMIT_MS * 1000
    objective = Objective.parse(f"p99 < {LIMIT_MS}ms")
    found = [_searched(_one_line_scenario(), [objective])[0] for _ in range(REPEATS)]
    near = 0
    for each in found:
        is_near = each.rate is not None and abs(each.rate.value / truth - 1) <= MOST_OFF
        near += is_near
        yield Row("M/M/1, p99 < 30.7 ms", _interval(each.rate), f"{truth:.0f}/s ± 5 %", is_near)
    held = sum(_holds(each.rate, truth) for each in found)
    yield Row(f"within 5 %, {REPEATS} searches", f"{near} (interval holds it: {held})", f"≥ {ASKED}", near >= ASKED)


def foretold() -> Iterator[Row]:
    """The throughput of eight workers, foretold from one to four, beside the one that is then measured."""
    near = held = 0
    for _ in range(REPEATS):
        run = _compared(
            load_scenario(ROOT / "scenarios" / "sleep_lock.toml", {"rounds": 3, "load.duration": 3.0}), FORETOLD
        )
        foreseen, seen = _foreseen(run), _seen(run)
        is_near = abs(foreseen.value / seen.value - 1) <= MOST_OFF_FORETOLD
        near, held = near + is_near, held + _holds(foreseen, seen.value)
        yield Row(f"{FORETOLD} workers from 1–4", _interval(foreseen), f"measured {_interval(seen)}", is_near)
    yield Row(f"within 10 %, {REPEATS} runs", str(near), f"≥ {ASKED}", near >= ASKED)
    yield Row("interval holds what was measured", str(held), f"≥ {ASKED}", held >= ASKED)


def again() -> Iterator[Row]:
    """What was found on the sample server holds when it is offered again for a minute, and more of it does not."""
    scenario = load_scenario(ROOT / "scenarios" / "cart.toml", {"max_time": 600.0}).only(["raw", "cluster-2"])
    objectives = [Objective.parse("p99 < 500ms")]
    for found in _searched(scenario, objectives):
        name = found.topology.name
        yield Row(f"{name}: capacity", _interval(found.rate), "found", found.rate is not None)
        if found.rate is None:
            continue
        for part, is_to_be_kept in ((KEPT_AT, True), (BROKEN_AT, False)):
            offered = part * found.rate.value
            probe = _offered(scenario, found.topology, objectives, offered)
            is_kept = probe is not None and probe.is_kept
            asked = "kept" if is_to_be_kept else "broken"
            yield Row(f"{name}: {rate_text(offered)}/s for 60 s", _said(probe), asked, is_kept is is_to_be_kept)


def expected() -> Iterator[Row]:
    """The p99 that a plan would print for servers of known law, beside what is then measured for a minute at that
    rate."""
    objectives = [Objective.parse("p99 < 150ms")]
    for service in SERVICES:
        scenario = _one_line_scenario(service)
        with tempfile.TemporaryDirectory() as folder, SearchDisplay(CONSOLE) as observer:
            prepared = prepare(for_search(scenario), seed_or_random())
            evidence = evidence_of(read_run(search(prepared, objectives, Path(folder), "bench", observer)))
        carried = evidence.carried[0]
        for part in EXPECTED_AT:
            times = expected_at(carried, matching_models(carried), part * SERVED_PER_S)
            probe = _offered(scenario, scenario.topologies[0], objectives, part * SERVED_PER_S)
            assert probe is not None
            assert probe.load.latency_ms is not None
            measured_ms = probe.load.latency_ms.p99
            what = f"{service} service, at {part:.0%} of its capacity: p99"
            asked = f"measured {measured_ms:.1f} ms ± 25 %, or not printed"
            if times is None:
                yield Row(what, "not printed", asked, is_met=True)
                continue
            ends_ms = (times.least.p99_ms, times.most.p99_ms)
            said = f"{ends_ms[0]:.1f}–{ends_ms[1]:.1f} ms ({times.source.value})"
            yield Row(what, said, asked, all(abs(each / measured_ms - 1) <= MOST_OFF_EXPECTED for each in ends_ms))


def _searched(scenario: Scenario, objectives: list[Objective]) -> list[Capacity]:
    with tempfile.TemporaryDirectory() as folder, SearchDisplay(CONSOLE) as observer:
        prepared = prepare(for_search(scenario), seed_or_random())
        return capacities(read_run(search(prepared, objectives, Path(folder), "bench", observer)))


def _one_line_scenario(service: str = "exponential") -> Scenario:
    scenario = load_scenario(ROOT / "scenarios" / "cart.toml", {"load.path": "/", "max_time": SEARCH_S})
    words = (
        "{harness_python}",
        "-m",
        "bench.capacity.one_line",
        "--port",
        "{port}",
        "--mean-ms",
        f"{1000 / SERVED_PER_S:g}",
        "--service",
        service,
    )
    topology = Topology(name="one-line", family="one-line", command=words, baseline=True)
    load = scenario.load.model_copy(update={"duration_s": 6.0, "warmup_s": 2.0})
    return scenario.model_copy(update={"topologies": (topology,), "load": load, "precision": 0.03})


def _compared(scenario: Scenario, workers: int) -> Run:
    """A run with a cluster of so many workers besides."""
    last = scenario.topologies[-1]
    more = last.model_copy(update={"name": f"cluster-{workers}", "workers": workers})
    scenario = scenario.model_copy(update={"topologies": (*scenario.topologies, more)})
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(scenario, seed_or_random())
        with PlainDisplay(CONSOLE, prepared) as observer:
            return read_run(compare(prepared, Path(folder), "bench", observer))


def _foreseen(run: Run) -> Estimate:
    """From the clusters less the last, as though it had not been there."""
    names = [topology.name for topology in run.scenario.topologies[:-1]]
    evidence = evidence_of(run.model_copy(update={"scenario": run.scenario.only(names)}))
    rate = predict(evidence.families[0], evidence.carried, FORETOLD).rate
    assert rate is not None
    return rate


def _seen(run: Run) -> Estimate:
    trials = valid_trials(run.records, run.scenario.topologies[-1].name)
    return mean_over_trials([trial.requests_per_s for trial in trials])


def _offered(
    scenario: Scenario, topology: Topology, objectives: Sequence[Objective], rate_per_s: float
) -> Probe | None:
    scenario = for_search(scenario)
    scenario = scenario.model_copy(update={"load": scenario.load.model_copy(update={"duration_s": AGAIN_S})})
    planned = PlannedTrial(
        id="again", block=1, position=1, seed=seed_or_random(), topology=topology, rate_per_s=rate_per_s
    )
    with tempfile.TemporaryDirectory() as folder:
        record = run_trial(planned, scenario, prepare(scenario, 1).placement, Path(folder) / "log", lambda _: None)
    return next(iter(Capacity.of(topology, [record], objectives).probes), None)


def _said(probe: Probe | None) -> str:
    if probe is None:
        return "nothing that counts"
    latency = probe.load.latency_ms
    return f"{'kept' if probe.is_kept else 'broken'}, {f'p99 {latency.p99:.0f} ms' if latency else 'no request ended'}"


def _interval(rate: Estimate | None) -> str:
    return "nothing" if rate is None else rate_interval_text(rate, "/s")


def _holds(rate: Estimate | None, value: float) -> bool:
    return rate is not None and rate.low is not None and rate.high is not None and rate.low <= value <= rate.high
