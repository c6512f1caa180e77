"""The gates, limits that a run must keep: ``throughput < -5%``, ``p99 > +10%``, ``p99 < 250ms``, ``errors > +0.1%``."""

from collections.abc import Sequence
from typing import Self

from pydantic import field_validator

from harness.scenario.table import TomlTable, Words
from harness.scenario.threshold import Threshold


class Gate(TomlTable):
    """One limit of a figure.

    The ``limit`` is in the unit of the metric (requests/s, ms, s, bytes, a part of one). When ``is_relative``, it is
    one of the ratio to the baseline's figure (0.95 for ``-5%``) or, for errors, of the difference between both shares
    of all requests (0.001 for ``+0.1%``). A figure on the worse side of the limit fails. That holds whether the text
    says what fails (``p99 > 250ms``) or what has to hold (``p99 < 250ms``).

    ``metric`` is the ``figure`` or, for one ``request`` of a mix, the figure with the request in brackets. ``percent``
    is the percent of a percentile, None for any other figure.
    """

    text: str
    metric: str
    figure: str
    percent: float | None
    request: str | None
    limit: float
    is_relative: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the limit that the text states. Raises ValueError, with what was expected, when it is no limit."""
        written = Threshold.parse(text)
        is_ratio = written.is_relative and written.figure != "errors"
        return cls(
            text=written.text,
            metric=written.figure if written.request is None else f"{written.figure}[{written.request}]",
            figure=written.figure,
            percent=written.percent,
            request=written.request,
            limit=1 + written.value if is_ratio else written.value,
            is_relative=written.is_relative,
        )


class GateTable(TomlTable):
    """The table ``[gate]``: the limits. With ``strict``, a limit fails too that the run can't decide or did not
    measure."""

    fail_on: Words = ()
    strict: bool = False

    @field_validator("fail_on")
    @classmethod
    def _check_limits(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            Gate.parse(text)
        return texts

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The limits that the texts state."""
        return tuple(map(Gate.parse, self.fail_on))

    def unknown_requests(self, kinds: Sequence[str]) -> list[str]:
        """Return a sentence for each limit of one request that could never be decided, given the requests of the load
        by their names (``kinds``)."""
        there = ", ".join(kinds)
        of_one = [gate for gate in self.gates if gate.request is not None]
        if len(kinds) == 1:
            return [f"{each.text}: {there} is the only request; limit {each.figure} of all" for each in of_one]
        return [
            f"{each.text}: no request of the load is called {each.request}; there are: {there}"
            for each in of_one
            if each.request not in kinds
        ]
