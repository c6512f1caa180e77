"""A shop of two products, small enough to reckon its prices by hand."""

from typing import Final

from servers.cart.catalogue import (
    Catalogue,
    Category,
    Coupon,
    Product,
    Promotion,
    Shipping,
    ShippingTier,
)

FOOD: Final = 0
TOOLS: Final = 1

BREAD: Final = Product("F-1", "Bread", FOOD, "A loaf.", price_cents=333, weight_g=500)
HAMMER: Final = Product("T-1", "Hammer", TOOLS, "It hits.", price_cents=2000, weight_g=1500)

THREE_FOR_TWO: Final = Promotion("Three for two", FOOD, bundle_units=3, reduced_units=1, rate_bp=10_000)
PAIRS: Final = Promotion("15 % off pairs", FOOD, bundle_units=2, reduced_units=2, rate_bp=1_500)

SHOP: Final = Catalogue(
    shop="Test & Sons",
    categories=(
        Category("food", "Food", tax_bp=700, icon="M0 0", care="Eat it.", returns="No."),
        Category("tools", "Tools", tax_bp=1_900, icon="M1 1", care="Oil it.", returns="Yes."),
    ),
    products=(BREAD, HAMMER),
    promotions=(THREE_FOR_TWO, PAIRS),
    coupons=(),
    shipping=Shipping(
        tiers=(ShippingTier(up_to_g=1_000, price_cents=400), ShippingTier(up_to_g=3_000, price_cents=700)),
        extra_step_g=1_000,
        extra_step_cents=250,
        free_from_cents=10_000,
        tax_bp=1_900,
    ),
)


def coupon(
    code: str,
    *,
    categories: tuple[int, ...] = (FOOD, TOOLS),
    rate_bp: int = 0,
    amount_cents: int = 0,
    free_shipping: bool = False,
    min_spend_cents: int = 0,
    exclusive: bool = False,
) -> Coupon:
    """A coupon that does nothing but what is asked of it."""
    return Coupon(
        code=code,
        title=code.title(),
        categories=categories,
        rate_bp=rate_bp,
        amount_cents=amount_cents,
        free_shipping=free_shipping,
        min_spend_cents=min_spend_cents,
        exclusive=exclusive,
    )
