"""The page is of the agreed size, well-formed, escaped and the same every time."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from servers.cart.cart import Line, cart_lines
from servers.cart.catalogue import CATALOGUE
from servers.cart.page import page
from servers.cart.pricing import price_cart
from servers.cart.render import render_cart
from tests.servers.shop import BREAD, HAMMER, SHOP, coupon

VOID_ELEMENTS = frozenset({"meta"})
HOSTILE = "<script>alert('1')</script> & \"co\""


class Outline(HTMLParser):
    """Reads a document and refuses tags that do not match."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.texts: list[str] = []
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert value, f"{tag} has an empty {name}"
            if name == "id":
                self.ids.append(value)
            if name in ("href", "aria-labelledby"):
                self.references.append(value.removeprefix("#"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def default_page() -> str:
    return render_cart(1, 6).decode()


@pytest.mark.parametrize("coupons", range(11))
def test_the_default_cart_is_about_77_000_bytes(coupons: int) -> None:
    assert 76_500 <= len(render_cart(1, coupons)) <= 77_500


@pytest.mark.parametrize("cart_id", [2, 77, 4_096, 1_000_000])
def test_other_carts_are_of_similar_size(cart_id: int) -> None:
    assert 74_000 <= len(render_cart(cart_id, 6)) <= 78_000


@pytest.mark.parametrize("cart_id", [1, 2, 1_000_000])
def test_the_same_request_gives_the_same_bytes(cart_id: int) -> None:
    assert render_cart(cart_id, 5) == render_cart(cart_id, 5)


def test_the_document_is_well_formed(default_page: str) -> None:
    outline = Outline(default_page)

    assert default_page.startswith('<!DOCTYPE html>\n<html lang="en">\n')
    assert outline.tags[:2] == ["html", "head"]
    for once in ("title", "style", "body", "main", "h1", "footer"):
        assert outline.tags.count(once) == 1


def test_ids_are_unique_and_references_lead_somewhere(default_page: str) -> None:
    outline = Outline(default_page)

    assert len(set(outline.ids)) == len(outline.ids)
    assert set(outline.references) <= set(outline.ids)


def test_every_product_and_every_coupon_is_on_the_page(default_page: str) -> None:
    texts = set(Outline(default_page).texts)

    assert {product.name for product in CATALOGUE.products} <= texts
    assert {product.description for product in CATALOGUE.products} <= texts
    assert {coupon.code for coupon in CATALOGUE.coupons} <= texts


def test_the_page_shows_the_price_of_its_cart(default_page: str) -> None:
    priced = price_cart(CATALOGUE, cart_lines(1, CATALOGUE.products), 6)
    cents = priced.quote.total_cents

    assert f"<dt>Total</dt><dd>€{cents // 100:,}.{cents % 100:02d}</dd>" in default_page
    assert default_page.count('<tr class="redeemed">') == len(priced.quote.redemptions)
    assert default_page.count("Not considered") == len(CATALOGUE.coupons) - 6
    assert "The cheapest of 64 combinations of 6 coupons." in default_page


def test_every_text_is_escaped() -> None:
    promotion = replace(SHOP.promotions[0], title=f"promotion {HOSTILE}")
    categories = tuple(
        replace(
            category,
            name=f"category {HOSTILE}",
            icon=f"icon {HOSTILE}",
            care=f"care {HOSTILE}",
            returns=f"returns {HOSTILE}",
        )
        for category in SHOP.categories
    )
    bread = replace(BREAD, sku=f"sku {HOSTILE}", name=f"product {HOSTILE}", description=f"description {HOSTILE}")
    shop = replace(
        SHOP,
        shop=f"shop {HOSTILE}",
        categories=categories,
        products=(bread, HAMMER),
        promotions=(promotion,),
        coupons=(replace(coupon(f"code {HOSTILE}"), title=f"coupon {HOSTILE}"),),
    )

    document = page(shop, 1, price_cart(shop, [Line(bread, 3)], 1))

    outline = Outline(document)
    assert "script" not in outline.tags
    for text in ("promotion", "care", "returns", "product", "description", "shop", "code", "coupon"):
        assert f"{text} {HOSTILE}" in outline.texts
    assert f"sku {HOSTILE}" in outline.ids
    assert re.findall(r"&(?!amp;|lt;|gt;|quot;|#x27;)", document) == []
