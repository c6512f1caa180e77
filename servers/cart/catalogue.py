"""What the shop sells and on which terms, read from `catalogue.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Category:
    """A department of the shop.

    `tax_bp` is its tax rate in basis points (1/100 of a percent), `icon` the path of a 24 by 24 drawing;
    `care` and `returns` are what customers should know about its goods.
    """

    slug: str
    name: str
    tax_bp: int
    icon: str
    care: str
    returns: str


@dataclass(frozen=True, slots=True)
class Product:
    """One article; `category` is the place of its category in the catalogue, the price is net of tax."""

    sku: str
    name: str
    category: int
    description: str
    price_cents: int
    weight_g: int


@dataclass(frozen=True, slots=True)
class Promotion:
    """Of every full `bundle_units` in a line, `reduced_units` cost `rate_bp` basis points less."""

    title: str
    category: int
    bundle_units: int
    reduced_units: int
    rate_bp: int


@dataclass(frozen=True, slots=True)
class Coupon:
    """Takes `rate_bp` basis points and then `amount_cents` off the goods in `categories`.

    It needs goods worth `min_spend_cents`, and only one `exclusive` coupon counts per order.
    """

    code: str
    title: str
    categories: tuple[int, ...]
    rate_bp: int
    amount_cents: int
    free_shipping: bool
    min_spend_cents: int
    exclusive: bool


@dataclass(frozen=True, slots=True)
class ShippingTier:
    """Parcels of at most `up_to_g` grams travel for `price_cents`."""

    up_to_g: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class Shipping:
    """Delivery terms: tiers by weight, a surcharge per started step above the last, free for big orders."""

    tiers: tuple[ShippingTier, ...]
    extra_step_g: int
    extra_step_cents: int
    free_from_cents: int
    tax_bp: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The whole shop. Coupons are redeemed in the order in which they stand here."""

    shop: str
    categories: tuple[Category, ...]
    products: tuple[Product, ...]
    promotions: tuple[Promotion, ...]
    coupons: tuple[Coupon, ...]
    shipping: Shipping


def parse_catalogue(data: Mapping[str, Any]) -> Catalogue:
    """The catalogue in `data`, with the slugs of categories resolved to their places."""
    categories = tuple(Category(**category) for category in data["categories"])
    place = {category.slug: index for index, category in enumerate(categories)}

    def placed(record: Mapping[str, Any]) -> dict[str, Any]:
        return {**record, "category": place[record["category"]]}

    def coupon(record: Mapping[str, Any]) -> Coupon:
        terms = dict(record)
        slug = terms.pop("category")
        return Coupon(categories=tuple(place.values()) if slug is None else (place[slug],), **terms)

    tiers = tuple(ShippingTier(**tier) for tier in data["shipping"]["tiers"])
    return Catalogue(
        shop=data["shop"],
        categories=categories,
        products=tuple(Product(**placed(record)) for record in data["products"]),
        promotions=tuple(Promotion(**placed(record)) for record in data["promotions"]),
        coupons=tuple(coupon(record) for record in data["coupons"]),
        shipping=Shipping(**{**data["shipping"], "tiers": tiers}),
    )


CATALOGUE: Final = parse_catalogue(json.loads(Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8")))
