"""Prices that were reckoned by hand."""

import pytest

from servers.cart.cart import Line
from servers.cart.catalogue import Coupon, Promotion
from servers.cart.pricing import (
    Basket,
    Quote,
    basket_of,
    cheapest_quote,
    delivery_cents,
    price_cart,
    price_line,
    quote,
    share_cents,
)
from tests.servers.shop import BREAD, FOOD, HAMMER, PAIRS, SHOP, THREE_FOR_TWO, TOOLS, coupon

BASKET = Basket(goods_cents=(1_000, 5_000), weight_g=2_500)
TEN_PERCENT = coupon("TEN", rate_bp=1_000)


def codes(priced: Quote) -> list[str]:
    """The codes of the coupons that counted."""
    return [redemption.coupon.code for redemption in priced.redemptions]


@pytest.mark.parametrize(
    ("amount_cents", "rate_bp", "share"),
    [
        (0, 1_900, 0),
        (100, 700, 7),
        (5, 1_000, 1),  # 0.5 is rounded up,
        (15, 1_000, 2),  # 1.5 too: not to the even neighbour only,
        (25, 1_000, 3),  # and 2.5 likewise.
        (1, 4_999, 0),
        (333, 10_000, 333),
    ],
)
def test_a_share_is_rounded_half_up(amount_cents: int, rate_bp: int, share: int) -> None:
    assert share_cents(amount_cents, rate_bp) == share


@pytest.mark.parametrize(
    ("quantity", "promotion", "saving_cents"),
    [
        (1, None, 0),
        (2, PAIRS, 100),  # 15 % of 666 is 99.9
        (3, THREE_FOR_TWO, 333),  # against 100 for the one full pair
        (4, THREE_FOR_TWO, 333),  # against 200 for two pairs
        (6, THREE_FOR_TWO, 666),
    ],
)
def test_a_line_gets_the_promotion_that_saves_most(
    quantity: int, promotion: Promotion | None, saving_cents: int
) -> None:
    priced = price_line(Line(BREAD, quantity), SHOP.promotions)

    assert priced.promotion == promotion
    assert priced.list_cents == 333 * quantity
    assert priced.saving_cents == saving_cents
    assert priced.goods_cents == 333 * quantity - saving_cents


def test_promotions_are_for_their_own_category() -> None:
    assert price_line(Line(HAMMER, 6), SHOP.promotions).saving_cents == 0


def test_of_equal_promotions_the_first_is_named() -> None:
    twin = Promotion("Twin", FOOD, bundle_units=3, reduced_units=1, rate_bp=10_000)

    assert price_line(Line(BREAD, 3), (THREE_FOR_TWO, twin)).promotion == THREE_FOR_TWO
    assert price_line(Line(BREAD, 3), (twin, THREE_FOR_TWO)).promotion == twin


def test_a_basket_adds_up_goods_by_category_and_weight() -> None:
    lines = [price_line(line, SHOP.promotions) for line in (Line(BREAD, 3), Line(HAMMER, 1), Line(HAMMER, 2))]

    assert basket_of(lines, 2) == Basket(goods_cents=(666, 6_000), weight_g=3 * 500 + 3 * 1_500)


@pytest.mark.parametrize(
    ("weight_g", "price_cents"),
    [(0, 0), (1, 400), (1_000, 400), (1_001, 700), (3_000, 700), (3_001, 950), (4_000, 950), (4_001, 1_200)],
)
def test_delivery_by_weight(weight_g: int, price_cents: int) -> None:
    assert delivery_cents(SHOP.shipping, weight_g, 500) == price_cents


def test_delivery_of_a_big_order_is_free() -> None:
    assert delivery_cents(SHOP.shipping, 2_500, 9_999) == 700
    assert delivery_cents(SHOP.shipping, 2_500, 10_000) == 0


def test_a_quote_without_coupons() -> None:
    # Tax: 7 % of 10.00 is 0.70, 19 % of 50.00 is 9.50, 19 % of 7.00 delivery is 1.33.
    assert quote(SHOP, BASKET, []) == Quote(
        redemptions=(),
        goods_cents=(1_000, 5_000),
        shipping_cents=700,
        tax_cents=70 + 950 + 133,
        total_cents=6_000 + 700 + 1_153,
    )


def test_a_rate_comes_off_every_category() -> None:
    priced = quote(SHOP, BASKET, [TEN_PERCENT])

    assert priced.goods_cents == (900, 4_500)
    assert priced.redemptions[0].saving_cents == 600
    assert priced.tax_cents == 63 + 855 + 133
    assert priced.total_cents == 5_400 + 700 + 1_051


def test_an_amount_uses_up_one_category_after_the_other() -> None:
    priced = quote(SHOP, BASKET, [coupon("FIFTEEN", amount_cents=1_500)])

    assert priced.goods_cents == (0, 4_500)
    assert priced.total_cents == 4_500 + 700 + 855 + 133


def test_a_rate_comes_off_before_the_amount() -> None:
    priced = quote(SHOP, BASKET, [coupon("BOTH", rate_bp=1_000, amount_cents=1_000)])

    assert priced.goods_cents == (0, 4_400)


def test_a_coupon_for_one_category_leaves_the_others_alone() -> None:
    priced = quote(SHOP, BASKET, [coupon("FOODIE", categories=(FOOD,), amount_cents=9_999)])

    assert priced.goods_cents == (0, 5_000)
    assert priced.redemptions[0].saving_cents == 1_000


def test_free_delivery_is_free_of_tax_too() -> None:
    priced = quote(SHOP, BASKET, [coupon("FREE", free_shipping=True)])

    assert priced.shipping_cents == 0
    assert priced.total_cents == 6_000 + 70 + 950


@pytest.mark.parametrize(("min_spend_cents", "redeemed"), [(5_400, ["TEN", "LATE"]), (5_401, ["TEN"])])
def test_the_minimum_is_asked_of_what_earlier_coupons_left(min_spend_cents: int, redeemed: list[str]) -> None:
    late = coupon("LATE", amount_cents=100, min_spend_cents=min_spend_cents)

    assert codes(quote(SHOP, BASKET, [TEN_PERCENT, late])) == redeemed


def test_only_the_first_exclusive_coupon_counts() -> None:
    first = coupon("FIRST", amount_cents=100, exclusive=True)
    second = coupon("SECOND", amount_cents=200, exclusive=True)

    assert codes(quote(SHOP, BASKET, [first, TEN_PERCENT, second])) == ["FIRST", "TEN"]


def test_an_exclusive_coupon_that_asks_too_much_does_not_block_the_next() -> None:
    dear = coupon("DEAR", amount_cents=100, min_spend_cents=99_999, exclusive=True)
    second = coupon("SECOND", amount_cents=200, exclusive=True)

    assert codes(quote(SHOP, BASKET, [dear, second])) == ["SECOND"]


@pytest.mark.parametrize(
    ("coupons", "basket", "winners", "total_cents"),
    [
        pytest.param([], BASKET, [], 7_853, id="no coupons"),
        pytest.param([TEN_PERCENT], BASKET, ["TEN"], 7_151, id="one that helps"),
        pytest.param(
            # After TEN only 54.00 is left, too little for BIG; BIG alone leaves 40.00 of tools:
            # 40.00 + 7.00 + 7.60 + 1.33.
            [TEN_PERCENT, coupon("BIG", amount_cents=2_000, min_spend_cents=5_500)],
            BASKET,
            ["BIG"],
            5_593,
            id="a smaller coupon would spoil a bigger one",
        ),
        pytest.param(
            # 99.50 of tools would have to pay for delivery: 99.50 + 7.00 + 18.91 + 1.33 is more
            # than 100.50 + 19.10.
            [coupon("SMALL", categories=(TOOLS,), amount_cents=100)],
            Basket(goods_cents=(0, 10_050), weight_g=2_500),
            [],
            11_960,
            id="a coupon would cost the free delivery",
        ),
        pytest.param(
            [
                coupon("LITTLE", rate_bp=500, exclusive=True),
                coupon("MORE", rate_bp=1_000, exclusive=True),
            ],
            BASKET,
            ["MORE"],
            7_151,
            id="the better of two exclusive ones",
        ),
        pytest.param(
            [coupon("NOTHING"), coupon("FREE", free_shipping=True), coupon("AGAIN", free_shipping=True)],
            BASKET,
            ["FREE"],
            7_020,
            id="of equals the first, and none without effect",
        ),
    ],
)
def test_the_search_finds_the_cheapest_combination(
    coupons: list[Coupon], basket: Basket, winners: list[str], total_cents: int
) -> None:
    best = cheapest_quote(SHOP, basket, coupons)

    assert codes(best) == winners
    assert best.total_cents == total_cents


def test_a_whole_cart() -> None:
    priced = price_cart(SHOP, [Line(BREAD, 3), Line(HAMMER, 2)], 0)

    # 6.66 of bread, 40.00 of hammers, 4.5 kg for 12.00; tax 0.47 (0.4662), 7.60 and 2.28.
    assert priced.basket == Basket(goods_cents=(666, 4_000), weight_g=4_500)
    assert priced.quote.total_cents == 4_666 + 1_200 + 47 + 760 + 228


def test_an_empty_cart_costs_nothing() -> None:
    assert price_cart(SHOP, [], 0).quote.total_cents == 0
