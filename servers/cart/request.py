"""Which cart a request asks for."""

import re
from collections.abc import Sequence
from typing import Final

DEFAULT_CART_ID: Final = 1
MAX_CART_ID: Final = 1_000_000


def parse_cart_id(values: Sequence[str]) -> int:
    """The cart that the query's `id` values name; ValueError unless it is exactly one number in range."""
    if not values:
        return DEFAULT_CART_ID
    number = re.fullmatch("[1-9][0-9]{0,6}", values[0])
    if len(values) > 1 or number is None or int(number[0]) > MAX_CART_ID:
        raise ValueError(f"id must be one whole number from 1 to {MAX_CART_ID}")
    return int(number[0])
