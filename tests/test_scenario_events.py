"""Events in a scenario: what is accepted, and what is said of everything else."""

from pathlib import Path

import pytest

from harness.scenario import ScenarioError, load_scenario
from tests.test_scenario import loaded, refusal

SCENARIO = """
name = "shop"
[load]
rate = 100
duration = "10s"
[[topology]]
name = "raw"
command = ["serve", "{port}"]
[[service]]
name = "db"
command = ["db", "{port}"]
scope = "trial"
"""
EVENT = "[[event]]\n"


def test_events_are_read(tmp_path: Path) -> None:
    text = SCENARIO + (
        EVENT + 'at = "5s"\nsignal = "sighup"\n' + EVENT + 'at = "6s"\nkill = "worker"\n'
        + EVENT + 'at = "7s"\nrun = ["reload", "{pid}", "{service.db.port}"]\n' + EVENT + 'at = 8\nstop = "db"\n'
    )  # fmt: skip
    scenario = loaded(tmp_path, text)
    assert [(each.at_s, each.what) for each in scenario.events] == [
        (5.0, "SIGHUP"),
        (6.0, "SIGKILL to a worker"),
        (7.0, "reload {pid} {service.db.port}"),
        (8.0, "stop of db"),
    ]
    assert type(scenario).model_validate_json(scenario.model_dump_json(by_alias=True)) == scenario


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ('at = "5s"', "event[0]: expected one of signal, kill, run and stop"),
        ('at = "5s"\nsignal = "HUP"\nkill = "worker"', "event[0]: expected one of signal, kill, run and stop"),
        ('at = "5s"\nsignal = "HUB"', "event[0].signal: expected the name of a signal, such as 'HUP', got 'HUB'"),
        ('signal = "HUP"', "event[0].at: expected, but missing"),
        ('at = "1s"\nsignal = "HUP"', "event[0].at: expected greater than or equal to 1.5, got 1.0"),
        (
            'at = "10s"\nsignal = "HUP"',
            "event[0].at: expected no later than a second before the end of the window of 10s (load.duration), got 10s",
        ),
        (
            'at = "5s"\nstop = "cache"',
            "event[0].stop: expected a [[service]] with scope = 'trial', which the next trial has anew, got cache",
        ),
        ('at = "5s"\nrun = ["x", "{service.cache.port}"]', "event[0]: expected a [[service]] called cache"),
    ],
)
def test_what_is_no_event_is_told(tmp_path: Path, event: str, said: str) -> None:
    assert refusal(tmp_path, f"{SCENARIO}{EVENT}{event}\n") == [said]


def test_a_service_that_outlives_the_trial_can_not_be_stopped(tmp_path: Path) -> None:
    text = SCENARIO.replace('scope = "trial"', 'scope = "run"') + EVENT + 'at = "5s"\nstop = "db"\n'
    (said,) = refusal(tmp_path, text)
    assert "scope = 'trial'" in said


def test_all_that_refers_to_what_is_not_there_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        'name = "a"\n[[topology]]\nname = "raw"\ncommand = ["{port}", "{service.db.port}"]\n'
        '[hooks.setup]\ncommand = ["x", "{service.queue.port}"]\n'
        '[[event]]\nat = "5s"\nsignal = "HUP"\n[[event]]\nat = "6s"\nstop = "cache"\n'
    )
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "a.toml")
    told = [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]
    assert told == [
        "a.toml:2: topology[0]: expected a [[service]] called db",
        "a.toml:5: hooks.setup: expected a [[service]] called queue",
        "a.toml:12: event[1].stop: expected a [[service]] with scope = 'trial', which the next trial has anew, got"
        " cache",
    ]
