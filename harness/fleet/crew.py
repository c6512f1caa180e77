"""The crews of one machine, as its agent runs them for servers elsewhere: one part of every event for all processes."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from harness.fleet.far_crew import SHARES
from harness.fleet.wire import CallError, Json
from harness.generator.combine import combine_parts
from harness.generator.crew import GeneratorError, LocalCrew
from harness.generator.merge import Alignment
from harness.generator.messages import ORDERS


class HostCrews:
    """The crews of this machine, by their ids: of a sliced round there are several at a time. All methods are called by
    one thread, with which the processes end."""

    def __init__(self) -> None:
        self._crews: dict[str, HostCrew] = {}

    def call(self, verb: str, crew: str, **arguments: Any) -> Json:
        """Have a crew do what the verb says. Raises CallError."""
        if verb == "crew_start":
            self._crews[crew] = HostCrew(**arguments)
            return {}
        if verb == "crew_end":
            ended = self._crews.pop(crew, None)
            return ended.end() if ended else {}
        if verb not in _VERBS:
            raise CallError(f"no crew has a verb {verb}")
        if crew not in self._crews:
            raise CallError("no generator was started")
        found: Json = _VERBS[verb](self._crews[crew], **arguments)
        return found

    def end(self) -> None:
        """End all crews."""
        for crew in self._crews.values():
            crew.end()
        self._crews.clear()


class HostCrew:
    """The processes of this machine that generate a part of one load."""

    def __init__(self, processes: int, cpus: Sequence[int]) -> None:
        self._alignment = Alignment(0)
        try:
            self._running = LocalCrew(processes, cpus)
        except OSError as error:
            raise CallError(f"the generator can't be started: {error.strerror}") from error

    def hand_out(self, shares: str, connections: int) -> Json:
        """Hand each process its share, and wait until all are ready. Raises CallError."""
        try:
            self._running.hand_out_shares(SHARES.validate_json(shares), connections)
        except GeneratorError as error:
            raise CallError(str(error)) from error
        return {}

    def order(self, order: str) -> Json:
        """Send the processes an order, for a time of this machine's clock. Raises CallError."""
        self._alignment = Alignment(self._running.parts)
        try:
            self._running.order(ORDERS.validate_json(order))
        except GeneratorError as error:
            raise CallError(str(error)) from error
        return {}

    def receive(self, patience_s: float) -> Json:
        """Return the events that are complete: none where nothing came for so long. Raises CallError."""
        events = []
        try:
            for each in self._running.receive(patience_s):
                events += [combine_parts(parts) for parts in self._alignment.take(*each)]
        except GeneratorError as error:
            raise CallError(str(error)) from error
        return {"events": [event.model_dump_json() for event in events], "is_done": self._running.is_done}

    def stop(self) -> Json:
        """Ask the processes to end the window now."""
        self._running.stop()
        return {}

    def end(self) -> Json:
        """End the processes."""
        self._running.end()
        return {}


_VERBS: Final[dict[str, Callable[..., Json]]] = {
    "crew_hand_out": HostCrew.hand_out,
    "crew_order": HostCrew.order,
    "crew_receive": HostCrew.receive,
    "crew_stop": HostCrew.stop,
}
