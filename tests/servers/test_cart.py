"""What lies in a cart depends on its id alone."""

from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from servers.cart.cart import MAX_LINES, MAX_QUANTITY, MIN_LINES, cart_lines, random_numbers
from servers.cart.catalogue import CATALOGUE
from servers.cart.request import MAX_CART_ID

patient = settings(deadline=None)

CART_IDS = st.integers(min_value=1, max_value=MAX_CART_ID)


def test_the_numbers_are_those_of_lehmers_generator() -> None:
    # 48271, 48271**2 mod (2**31 - 1), and so on: the published sequence of "minstd_rand".
    assert list(islice(random_numbers(1), 4)) == [48_271, 182_605_794, 1_291_394_886, 1_914_720_637]


@patient
@given(CART_IDS)
def test_a_cart_holds_18_to_24_different_products(cart_id: int) -> None:
    lines = cart_lines(cart_id, CATALOGUE.products)

    assert MIN_LINES <= len(lines) <= MAX_LINES
    assert len({line.product.sku for line in lines}) == len(lines)


@patient
@given(CART_IDS)
def test_quantities_are_small_and_positive(cart_id: int) -> None:
    assert all(1 <= line.quantity <= MAX_QUANTITY for line in cart_lines(cart_id, CATALOGUE.products))


@patient
@given(CART_IDS)
def test_the_same_id_is_the_same_cart(cart_id: int) -> None:
    assert cart_lines(cart_id, CATALOGUE.products) == cart_lines(cart_id, CATALOGUE.products)


def test_carts_differ() -> None:
    carts = {cart_lines(cart_id, CATALOGUE.products) for cart_id in range(1, 101)}

    assert len(carts) == 100


def test_carts_of_every_allowed_length_occur() -> None:
    lengths = {len(cart_lines(cart_id, CATALOGUE.products)) for cart_id in range(1, 201)}

    assert lengths == set(range(MIN_LINES, MAX_LINES + 1))
