"""Dealing connections to the replicas of a server, as a service mesh or a load balancer does."""

import random
from collections.abc import Sequence
from typing import Literal

Address = str | tuple[object, ...]
Balance = Literal["round-robin", "random", "least-connections"]


class Dealer:
    """The choice of a replica for each connection that is opened: each in its turn, beginning with the ``first``, at
    random, or whichever has the fewest connections of this process."""

    def __init__(self, addresses: Sequence[Address], balance: Balance, seed: int, first: int) -> None:
        self.addresses = addresses
        self.open: list[int] = [0] * len(addresses)
        self._balance = balance
        self._dice = random.Random(f"replicas {seed} {first}")
        self._next: int = first

    def deal(self) -> int:
        """Return the number of the replica for the next connection, and count that as open."""
        replica = self._choose() if len(self.addresses) > 1 else 0
        self.open[replica] += 1
        return replica

    def end(self, replica: int) -> None:
        """Count a connection to the replica as ended."""
        self.open[replica] -= 1

    def _choose(self) -> int:
        number = len(self.addresses)
        if self._balance == "random":
            return self._dice.randrange(number)
        turn = self._next % number
        self._next += 1
        if self._balance == "round-robin":
            return turn
        in_turn = [*range(turn, number), *range(turn)]
        fewest = min(self.open)
        chosen: int = next(replica for replica in in_turn if self.open[replica] == fewest)
        return chosen
