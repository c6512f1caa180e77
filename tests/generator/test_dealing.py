"""Connections dealt to replicas: exactly, at random, or to whichever has the fewest."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.generator.dealing import Balance, Dealer
from harness.load.spec import Load, Target

ADDRESSES = [("127.0.0.1", port) for port in (1, 2, 3)]


def dealt(balance: Balance, number: int, first: int = 0, seed: int = 1) -> list[int]:
    """The replicas of so many connections."""
    dealer = Dealer(ADDRESSES, balance, seed, first)
    return [dealer.deal() for _ in range(number)]


def test_in_turn_each_gets_as_many_as_any_other() -> None:
    assert dealt("round-robin", 7) == [0, 1, 2, 0, 1, 2, 0]
    assert dealt("round-robin", 4, first=2) == [2, 0, 1, 2]


@given(st.integers(1, 60), st.integers(1, 8), st.integers(2, 5))
def test_processes_deal_together_as_one_would(connections: int, processes: int, replicas: int) -> None:
    """However many processes share the connections, no replica has more than one more than any other."""
    target = Target(host="127.0.0.1", port=1, replica_ports=tuple(range(2, replicas + 1)))
    load = Load(target=target, connections=connections, threads=1)
    counts = Counter(dict.fromkeys(range(replicas), 0))
    for share in load.shares(min(processes, connections)):
        dealer = Dealer([(port,) for port in target.ports], "round-robin", 0, share.share.first)
        counts.update(dealer.deal() for _ in range(share.connections))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_at_random_the_seed_decides_and_all_get_some() -> None:
    assert dealt("random", 50) == dealt("random", 50)
    assert dealt("random", 50) != dealt("random", 50, seed=2)
    assert set(Counter(dealt("random", 300)).values()) != {100}
    assert all(60 <= count <= 140 for count in Counter(dealt("random", 300)).values())  # five standard deviations


def test_the_fewest_connections_count_and_those_that_ended_do_not() -> None:
    dealer = Dealer(ADDRESSES, "least-connections", 1, 0)
    assert [dealer.deal() for _ in range(6)] == [0, 1, 2, 0, 1, 2]
    dealer.end(1)
    dealer.end(1)
    assert [dealer.deal() for _ in range(2)] == [1, 1]
    assert dealer.open == [2, 2, 2]
