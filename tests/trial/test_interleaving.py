"""Slices are chosen where they are sound; where they are not, the reason is said."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from harness.generator.process import StartGenerator
from harness.load.cpus import Placement
from harness.load.spec import Arrivals
from harness.machine.host import Host
from harness.measure import interleaving
from harness.measure.answer_times import AnswerTimes
from harness.measure.interleaving import (
    Tried,
    check_interleaving,
    choose_interleaving,
    choose_slice_s,
    find_objection,
    try_slices,
)
from harness.measure.turns import TURN_OF_PAIR_S, TURN_S
from harness.monitor.machine import read_machine
from harness.record import Interleaving
from harness.scenario import Scenario, ScenarioError, Topology
from harness.server.launch import find_free_port
from harness.server.process_tree import ProcessTree
from tests.server.family import Family
from tests.server.topologies import gunicorn, prefork, small
from tests.trial.trials import scenario


def named(name: str, topology: Topology) -> Topology:
    return topology.model_copy(update={"name": name})


def choose(made: Scenario) -> Interleaving:
    return choose_interleaving(made, lambda: try_slices(made, Placement()))


def why_not(*topologies: Topology, **changes: object) -> str | None:
    made = scenario(*topologies, start_timeout_s=3.0).model_copy(update=changes)
    found = choose(made)
    assert (found.kind == "slices") is (found.why is None)
    return found.why


ONE, TWO = named("one", small("page")), named("two", prefork(2))


def test_servers_that_can_be_up_at_once_take_turns(family: Family) -> None:
    assert why_not(ONE, TWO) is None
    assert family.alive() == []


@pytest.mark.parametrize("kind", ["trials", "turns", "slices", "both"])
def test_what_the_scenario_asks_for_is_done(kind: str) -> None:
    made = scenario(ONE, TWO).model_copy(update={"interleave": kind, "slice_s": 0.7})
    found = choose(made)
    assert found.kind == ("slices" if kind == "turns" else kind)
    assert (found.why, found.slice_s) == (None, None if kind == "trials" else 0.7)
    assert found.turn_s == (TURN_S if kind == "turns" else None)


@pytest.mark.parametrize(("least_s", "slice_s"), [(0.001, 0.05), (0.12, 0.15), (0.9, 1.0), (1.6, 2.0), (9.0, 2.0)])
def test_slices_are_as_short_as_they_can_be(least_s: float, slice_s: float) -> None:
    assert choose_slice_s(least_s) == slice_s


def test_slices_are_no_longer_than_the_window() -> None:
    made = scenario(ONE, TWO).with_window(0.6)
    assert choose_interleaving(made, lambda: Tried(None, least_slice_s=1.6)).slice_s == 0.6


@pytest.mark.parametrize("kind", ["auto", "slices", "both"])
def test_the_length_of_slices_is_found_by_a_try(kind: str) -> None:
    slow = named("slow", small("beside", "slow"))
    made = scenario(ONE, slow).with_window(3.0).model_copy(update={"interleave": kind})
    assert choose(made).slice_s in (0.75, 1.0, 1.5)


@pytest.mark.parametrize(("server", "is_queue"), [(gunicorn(1), True), (small("beside", "slow"), False)])
def test_a_try_tells_answers_that_wait_for_a_busy_core(
    monkeypatch: pytest.MonkeyPatch, server: Topology, is_queue: bool
) -> None:
    """Forty of them wait for one process, for many times as long as one takes."""
    seen = list[AnswerTimes]()

    def keep(up: Sequence[interleaving._UpServer]) -> float:
        seen.extend(each.times for each in up)
        return 0.5

    monkeypatch.setattr(interleaving, "_find_least_slice_s", keep)
    made = scenario(named("one", server), named("two", server))
    path = "/cart" if is_queue else "/"
    load = made.load.model_copy(update={"connections": 40, "requests": (made.load.requests[0].with_path(path),)})
    assert try_slices(made.model_copy(update={"load": load}), Placement()) is not None
    assert {each.queued for each in seen} == {is_queue}


def loaded(made: Scenario, path: str) -> Scenario:
    """The scenario with forty connections, so that a queue forms at a server that keeps its core busy."""
    requests = (made.load.requests[0].with_path(path),)
    return made.model_copy(update={"load": made.load.model_copy(update={"connections": 40, "requests": requests})})


@pytest.mark.parametrize("kind", ["auto", "both"])
def test_two_commits_with_requests_in_line_for_their_cores_take_turns_of_milliseconds(kind: str) -> None:
    made = of_two_commits(gunicorn(1), "/cart").model_copy(update={"interleave": kind})
    found = choose(made)
    assert found.turn_s == TURN_OF_PAIR_S
    assert found.slice_s
    assert found.kind == ("both" if kind == "both" else "slices")
    without = choose(made.model_copy(update={"interleave": "slices"}))
    assert (without.kind, without.turn_s) == ("slices", None)


def of_two_commits(topology: Topology, path: str) -> Scenario:
    folder = Path(__file__).parents[2]
    return loaded(scenario(topology), path).on_two_commits(folder, folder).with_window(3.0)


def test_topologies_that_differ_take_longer_turns() -> None:
    made = loaded(scenario(named("one", gunicorn(1)), named("two", gunicorn(2))), "/cart").with_window(3.0)
    assert choose(made).turn_s == TURN_S > TURN_OF_PAIR_S
    asked = made.model_copy(update={"interleave": "turns"})
    assert choose_interleaving(asked, lambda: Tried(None)).turn_s == TURN_S


def test_topologies_whose_supervisors_have_work_to_do_take_no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """These are told of each stop of a worker, which costs two workers more than one; but two commits the same."""
    monkeypatch.setattr(ProcessTree, "find_idle_supervisors", lambda self: set())
    differ = loaded(scenario(named("one", gunicorn(1)), named("two", gunicorn(2))), "/cart")
    assert try_slices(differ, Placement()).least_turned_s is None
    assert try_slices(of_two_commits(gunicorn(2), "/cart"), Placement()).least_turned_s


def test_a_server_that_waits_for_something_else_is_not_stopped() -> None:
    """A timer goes on meanwhile, and the answer would seem to take less time than it does."""
    found = choose(of_two_commits(small("beside", "slow"), "/"))
    assert (found.kind, found.turn_s) == ("slices", None)


def test_one_that_waits_keeps_the_others_from_being_stopped() -> None:
    cart, slow = named("cart", gunicorn(1)), named("slow", small("beside", "slow"))
    assert try_slices(loaded(scenario(cart, slow), "/cart"), Placement()).least_turned_s is None


def test_a_load_from_several_processes_takes_no_turns() -> None:
    cart = gunicorn(1)
    made = loaded(scenario(named("one", cart), named("two", cart)), "/cart")
    assert try_slices(made, Placement(processes=2)).least_turned_s is None
    assert try_slices(made, Placement()).least_turned_s


def test_where_nothing_is_told_of_the_cores_nothing_was_stolen(monkeypatch: pytest.MonkeyPatch) -> None:
    told = read_machine(Host.here()).model_copy(update={"cores": []})
    monkeypatch.setattr(interleaving, "read_machine", lambda host: told)
    assert interleaving._read_stolen_s(Placement()) == 0.0


def test_a_server_of_another_user_takes_no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    cart = gunicorn(1)
    made = loaded(scenario(named("one", cart), named("two", cart)), "/cart")
    monkeypatch.setattr(os, "geteuid", lambda: max(psutil.Process().uids()) + 1)
    assert try_slices(made, Placement()).least_turned_s is None


def test_one_topology_has_none_to_take_turns_with() -> None:
    assert why_not(ONE) == "one topology alone has none to take turns with"


def open_loop(made: Scenario) -> Scenario:
    return made.model_copy(update={"load": made.load.model_copy(update={"arrivals": Arrivals(rate_per_s=10.0)})})


def test_an_offered_rate_needs_whole_trials() -> None:
    found = choose(open_loop(scenario(ONE, TWO)))
    assert found.kind == "trials"
    assert found.why == "an offered rate needs whole trials, in which its queue can build up"


@pytest.mark.parametrize("kind", ["turns", "slices", "both"])
def test_slices_that_cannot_be_made_are_refused(kind: str) -> None:
    made = open_loop(scenario(ONE, TWO)).model_copy(update={"interleave": kind})
    with pytest.raises(ScenarioError, match=f"expected 'auto' or 'trials', got '{kind}', but an offered rate needs"):
        check_interleaving(made)
    check_interleaving(made.model_copy(update={"interleave": "trials"}))


def test_a_port_of_several_topologies_is_named() -> None:
    port = find_free_port()
    fixed = [each.model_copy(update={"port": port}) for each in (ONE, TWO)]
    assert why_not(*fixed) == f"port {port} is fixed, and can't be used by several topologies at once"
    assert why_not(fixed[0], TWO) is None


def test_servers_that_take_what_only_one_can_have_are_named(family: Family) -> None:
    taking = small("beside", "takes", "--number", str(find_free_port()))
    found = why_not(named("one", taking), named("two", taking))
    assert found is not None
    assert found.startswith("two can't be up at the same time as one: ")
    assert family.alive() == []


def test_a_server_that_starts_in_no_way_is_no_reason() -> None:
    assert why_not(ONE, named("broken", small("exits_at_once")), TWO) is None


def test_a_server_that_is_busy_while_nobody_asks_is_named() -> None:
    found = why_not(ONE, named("busy", small("beside", "spins")))
    assert found is not None
    assert found.startswith("busy kept ")
    assert found.endswith(" cores busy while nobody asked it")


def test_slow_answers_are_long_for_slices() -> None:
    slow = named("slow", small("beside", "slow"))
    found = why_not(ONE, slow, slice_s=0.3)
    assert found is not None
    expected = r"one answer in a hundred of slow takes \d+ms under load, which is long for slices of 300ms \(slice\)"
    assert re.fullmatch(expected, found)
    assert why_not(ONE, slow, slice_s=5.0) is None


def test_answers_of_which_few_are_slow_are_long_for_slices_too() -> None:
    """They take longer than the try itself, in whose window none of them is seen."""
    found = why_not(ONE, named("uneven", small("beside", "uneven")))
    assert found is not None
    assert found.startswith("one answer in a hundred of uneven takes ")


def test_short_memory_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Short:
        available = 1 << 20

    monkeypatch.setattr(psutil, "virtual_memory", Short)
    found = why_not(ONE, TWO)
    assert found is not None
    assert found.startswith("there is not enough memory for all topologies at once: one use")
    assert found.endswith("1.0 MiB are free")


def test_of_pairs_the_first_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[str] = []

    def refuse(made: Scenario, topologies: Sequence[Topology], placement: Placement, start: StartGenerator) -> Tried:
        launched.extend(topology.name for topology in topologies)
        return Tried("for a reason")

    monkeypatch.setattr("harness.measure.interleaving._try", refuse)
    made = scenario(ONE, TWO).on_two_commits(Path("base"), Path("head"))
    assert choose(made).why == "for a reason"
    assert launched == ["one-base", "one-head"]


@pytest.mark.parametrize(("path", "is_shared"), [("/run/service.sock", True), ("service.sock", False)])
def test_of_two_commits_only_a_socket_outside_of_their_folders_is_the_same(path: str, is_shared: bool) -> None:
    made = scenario(ONE.model_copy(update={"unix_socket": path})).on_two_commits(Path("/base"), Path("/head"))
    found = find_objection(made)
    assert (found is not None) is is_shared
