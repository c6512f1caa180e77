"""Numbers as far as a measurement can have them: sums and quotients of such numbers do not overflow."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field

MAX_COUNT: Final = 2**53  # every whole number up to it is a float of its own
MAX_AMOUNT: Final = 1e15
MIN_AMOUNT: Final = 1e-9  # of what is divided by
LEAST_BUT_ZERO: Final = 1e-30  # what rounding leaves of a difference is more


def _check_not_minute(amount: float) -> float:
    if 0 < abs(amount) < LEAST_BUT_ZERO:
        raise ValueError(f"expected 0 or at least {LEAST_BUT_ZERO:g}, got {amount:g}")
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
