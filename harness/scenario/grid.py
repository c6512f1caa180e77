"""The grid of a topology: a list of values for each of its placeholders, and a topology for each combination."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, PlainValidator, model_validator

from harness.scenario.placeholders import PLACEHOLDERS, check_placeholders, fill
from harness.scenario.table import MAX_WORKERS, TomlTable
from harness.text.problems import format_value

WORKERS: Final = "workers"  # the axis along which clusters are said to scale
REPLICAS: Final = "replicas"  # and the one of single processes, to which the generator deals its connections
MAX_VALUES: Final = 100  # of one axis: so many topologies are the most
MAX_COMBINATIONS: Final = 10_000  # before any is left out

CellValue = int | float | str
CellValues = Mapping[str, CellValue]


def _check_value(value: object) -> CellValue:
    if isinstance(value, bool) or not isinstance(value, CellValue):
        raise ValueError(f"expected numbers or texts, got {format_value(value)}")
    return value


def _check_axis(values: object) -> tuple[CellValue, ...]:
    """Return the values. Raises ValueError for what is no list of different numbers and texts."""
    if not isinstance(values, list | tuple) or not 1 <= len(values) <= MAX_VALUES:
        raise ValueError(
            f"expected a list of at least one and at most {MAX_VALUES} values, such as [1, 8], got"
            f" {format_value(values)}"
        )
    checked = tuple(map(_check_value, values))
    if len({str(value) for value in checked}) < len(checked):
        raise ValueError(f"expected different values, got {format_value(list(values))}")
    return checked


def _check_exception(values: object) -> tuple[CellValue, ...]:
    return _check_axis(values if isinstance(values, list | tuple) else [values])


AxisValues = Annotated[tuple[Any, ...], PlainValidator(_check_axis, json_schema_input_type=list[CellValue])]
ExceptedValues = Annotated[
    tuple[Any, ...], PlainValidator(_check_exception, json_schema_input_type=list[CellValue] | CellValue)
]


class Cell(TomlTable):
    """The place of a topology in a grid: the name that the grid's table has, and the topology's value on each axis."""

    grid: str
    values: dict[str, CellValue]


class Grid(TomlTable):
    """The table ``[topology.grid]`` as written: axes, each a placeholder of the topology with its values, and in
    ``except`` the cells that are left out, by their values on some of the axes."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, AxisValues]

    excepted: Annotated[tuple[dict[str, ExceptedValues], ...], Field(strict=False)] = Field(default=(), alias="except")

    @property
    def axes(self) -> dict[str, tuple[CellValue, ...]]:
        """The values of each axis."""
        return self.__pydantic_extra__

    @property
    def cells(self) -> list[dict[str, CellValue]]:
        """The cells that are not left out, by their value on each axis; the last axis changes fastest."""
        every = (dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values()))
        return [cell for cell in every if not any(_is_within(cell, excepted) for excepted in self.excepted)]

    @model_validator(mode="after")
    def _check_axes(self) -> Self:
        if not self.axes:
            raise ValueError("expected at least one axis, such as workers = [1, 2, 4]")
        if problems := [*self._find_unfit_axes(), *self._find_unfit_exceptions()]:
            raise ValueError("; ".join(problems))
        if (combinations := prod(map(len, self.axes.values()))) > MAX_COMBINATIONS:
            raise ValueError(f"expected at most {MAX_COMBINATIONS:,} combinations of values, got {combinations:,}")
        if not self.cells:
            raise ValueError("expected at least one cell that except does not leave out")
        return self

    def _find_unfit_axes(self) -> Iterator[str]:
        for name, values in self.axes.items():
            if name not in (WORKERS, REPLICAS) and name in PLACEHOLDERS:
                yield f"expected axes that the harness does not fill by itself, got {name}"
            elif not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                yield f"expected names of axes in small letters, digits and _, got {name!r:.60}"
            elif name in (WORKERS, REPLICAS) and not all(
                type(each) is int and 1 <= each <= MAX_WORKERS for each in values
            ):
                yield f"expected {name} from 1 to {MAX_WORKERS}, got {format_value(list(values))}"

    def _find_unfit_exceptions(self) -> Iterator[str]:
        for number, excepted in enumerate(self.excepted):
            if not excepted:
                yield f"except[{number}]: expected the values of at least one axis"
            for name, values in excepted.items():
                if name not in self.axes:
                    yield f"except[{number}]: expected an axis of the grid ({', '.join(self.axes)}), got {name!r:.60}"
                elif unknown := [value for value in values if value not in self.axes[name]]:
                    yield f"except[{number}]: expected values that {name} has, got {format_value(unknown[0])}"


def name_cell(name: str, values: CellValues, axes: Mapping[str, tuple[CellValue, ...]]) -> str:
    """Return the name of a cell: the grid's ``name`` with its placeholders filled and, for axes of several values that
    it does not name, these at the end. Numbers come with their axis there: ``-4workers-gthread``; -1 is ``m1``."""
    named = check_placeholders([name], tuple(axes))
    words = {axis: _name_value(value) for axis, value in values.items()}
    rest = [axis for axis, each in axes.items() if len(each) > 1 and axis not in named]
    ends = (f"-{words[axis]}{'' if isinstance(axes[axis][0], str) else axis}" for axis in rest)
    return fill(name, words) + "".join(ends)


def _name_value(value: CellValue) -> str:
    if isinstance(value, str):
        return re.sub(r"[^A-Za-z0-9._+]+", "-", value).strip("-")
    return str(value).replace("-", "m")


def _is_within(cell: CellValues, excepted: Mapping[str, tuple[CellValue, ...]]) -> bool:
    return all(cell[name] in values for name, values in excepted.items() if name in cell)
