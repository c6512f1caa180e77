"""The ranges of numbers that a measurement can have. Sums and quotients of numbers in them do not overflow."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field

MAX_COUNT: Final = 2**53  # a float represents every whole number up to it exactly
MAX_AMOUNT: Final = 1e15
MIN_AMOUNT: Final = 1e-9  # of divisors
MIN_NONZERO: Final = 1e-30  # rounding errors of differences are greater


def _check_not_minute(amount: float) -> float:
    if 0 < abs(amount) < MIN_NONZERO:
        raise ValueError(f"expected 0 or at least {MIN_NONZERO:g}, got {amount:g}")
    return amount


Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
PositiveCount = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Amount = Annotated[float, Field(ge=0, le=MAX_AMOUNT), AfterValidator(_check_not_minute)]
PositiveAmount = Annotated[float, Field(ge=MIN_AMOUNT, le=MAX_AMOUNT)]
Difference = Annotated[  # of two readings of a counter
    float, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT), AfterValidator(_check_not_minute)
]
CountDifference = Annotated[int, Field(ge=-MAX_COUNT, le=MAX_COUNT)]
Moment = Annotated[
    AwareDatetime, Field(ge=datetime(1970, 1, 2, tzinfo=UTC), le=datetime(9998, 12, 31, tzinfo=UTC))
]  # in any time zone there is
