"""What lies in a cart: a pure function of its id, the same in Python and in JavaScript."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from servers.cart.catalogue import Product

MIN_LINES: Final = 18
MAX_LINES: Final = 24
MAX_QUANTITY: Final = 4

# Lehmer's generator: every product stays below 2**53, so JavaScript's numbers hold it exactly.
MODULUS: Final = 2**31 - 1
MULTIPLIER: Final = 48_271


@dataclass(frozen=True, slots=True)
class Line:
    """`quantity` pieces of one product."""

    product: Product
    quantity: int


def cart_lines(cart_id: int, products: Sequence[Product]) -> tuple[Line, ...]:
    """The line items of cart `cart_id` (1 <= cart_id < 2**31 - 1): 18 to 24 different products."""
    draws = random_numbers(cart_id)
    shelf = list(products)
    count = MIN_LINES + next(draws) % (MAX_LINES - MIN_LINES + 1)
    return tuple(
        Line(product=shelf.pop(next(draws) % len(shelf)), quantity=1 + next(draws) % MAX_QUANTITY) for _ in range(count)
    )


def random_numbers(seed: int) -> Iterator[int]:
    """An endless, repeatable stream of integers between 1 and 2**31 - 2."""
    state = seed
    while True:
        state = state * MULTIPLIER % MODULUS
        yield state
