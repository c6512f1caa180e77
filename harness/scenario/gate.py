"""The limits that a run must keep to: ``throughput < -5%``, ``p99 > +10%``, ``p99 < 250ms``, ``errors > +0.1%``."""

from collections.abc import Sequence
from typing import Self

from pydantic import field_validator

from harness.scenario.table import TomlTable, Words
from harness.scenario.threshold import Threshold


class Gate(TomlTable):
    """One limit: of a figure in its metric's own unit (requests/s, ms, s, bytes, a part of one) or, when
    ``is_relative``, of its ratio to the baseline's (0.95 for ``-5%``); of errors, of how many more of all requests they
    are than the baseline's (0.001 for ``+0.1%``). What lies on the worse side of it fails, whether it was written as
    what fails (``p99 > 250ms``) or as what has to hold (``p99 < 250ms``).

    ``metric`` is the ``figure`` or, of one ``request`` of a mix, the figure with the request in brackets. ``percent``
    is that of a percentile."""

    text: str
    metric: str
    figure: str
    percent: float | None
    request: str | None
    limit: float
    is_relative: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError, with what was expected, when the text is no such limit."""
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
    """``[gate]``: the limits; with ``strict``, what this run can't tell or did not measure fails too."""

    fail_on: Words = ()
    strict: bool = False

    @field_validator("fail_on")
    @classmethod
    def _are_limits(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            Gate.parse(text)
        return texts

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The limits, understood."""
        return tuple(map(Gate.parse, self.fail_on))

    def misnamed(self, kinds: Sequence[str]) -> list[str]:
        """Why some of them could never be ruled on under a load of these requests, in words."""
        there = ", ".join(kinds)
        of_one = [gate for gate in self.gates if gate.request is not None]
        if len(kinds) == 1:
            return [f"{each.text}: {there} is the only request; limit {each.figure} of all" for each in of_one]
        return [
            f"{each.text}: no request of the load is called {each.request}; there are: {there}"
            for each in of_one
            if each.request not in kinds
        ]
