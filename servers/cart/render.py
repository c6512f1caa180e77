"""The one entry point of the page: from a cart id to the bytes that answer the request."""

from servers.cart.cart import cart_lines
from servers.cart.catalogue import CATALOGUE
from servers.cart.page import page
from servers.cart.pricing import price_cart


def render_cart(cart_id: int, coupons: int) -> bytes:
    """The UTF-8 body of the page for cart `cart_id`, priced with the first `coupons` coupons.

    Nothing is remembered between calls: every page is drawn up, priced and rendered anew.
    """
    priced = price_cart(CATALOGUE, cart_lines(cart_id, CATALOGUE.products), coupons)
    return page(CATALOGUE, cart_id, priced).encode()
