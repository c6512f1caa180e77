"""What must hold for every cart and every set of coupons."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from servers.cart.cart import Line, cart_lines
from servers.cart.catalogue import CATALOGUE, Coupon
from servers.cart.pricing import Basket, cheapest_quote, price_cart, price_line, quote, share_cents
from tests.servers.shop import FOOD, SHOP, TOOLS, coupon

patient = settings(deadline=None)

AMOUNTS_CENTS = st.integers(min_value=0, max_value=15_000)
RATES_BP = st.integers(min_value=0, max_value=10_000)
BASKETS = st.builds(
    Basket,
    goods_cents=st.tuples(AMOUNTS_CENTS, AMOUNTS_CENTS),
    weight_g=st.integers(min_value=0, max_value=9_000),
)
COUPONS = st.lists(
    st.builds(
        coupon,
        st.text(max_size=8),
        categories=st.sampled_from([(FOOD,), (TOOLS,), (FOOD, TOOLS)]),
        rate_bp=RATES_BP,
        amount_cents=AMOUNTS_CENTS,
        free_shipping=st.booleans(),
        min_spend_cents=AMOUNTS_CENTS,
        exclusive=st.booleans(),
    ),
    max_size=5,
)


@patient
@given(st.integers(min_value=0, max_value=10**9), RATES_BP)
def test_a_share_is_the_nearest_cent_and_a_half_goes_up(amount_cents: int, rate_bp: int) -> None:
    exact = Fraction(amount_cents * rate_bp, 10_000)

    assert share_cents(amount_cents, rate_bp) == (exact + Fraction(1, 2)).__floor__()


@patient
@given(st.sampled_from(CATALOGUE.products).flatmap(lambda p: st.builds(Line, st.just(p), st.integers(1, 99))))
def test_no_promotion_gives_money_away(line: Line) -> None:
    priced = price_line(line, CATALOGUE.promotions)

    assert 0 <= priced.saving_cents <= priced.list_cents
    assert (priced.promotion is None) == (priced.saving_cents == 0)


@patient
@given(BASKETS, COUPONS)
def test_no_price_is_negative(basket: Basket, coupons: list[Coupon]) -> None:
    priced = quote(SHOP, basket, coupons)

    assert min(priced.goods_cents) >= 0
    assert priced.shipping_cents >= 0
    assert priced.tax_cents >= 0
    assert priced.total_cents == sum(priced.goods_cents) + priced.shipping_cents + priced.tax_cents


@patient
@given(BASKETS, COUPONS)
def test_the_coupons_account_for_all_that_came_off_the_goods(basket: Basket, coupons: list[Coupon]) -> None:
    priced = quote(SHOP, basket, coupons)
    saved_cents = sum(redemption.saving_cents for redemption in priced.redemptions)

    assert saved_cents == sum(basket.goods_cents) - sum(priced.goods_cents)
    assert 0 <= saved_cents <= sum(basket.goods_cents)


@patient
@given(BASKETS, COUPONS)
def test_at_most_one_exclusive_coupon_counts(basket: Basket, coupons: list[Coupon]) -> None:
    redemptions = quote(SHOP, basket, coupons).redemptions

    assert sum(redemption.coupon.exclusive for redemption in redemptions) <= 1


@patient
@given(BASKETS, COUPONS)
def test_more_coupons_considered_never_cost_more(basket: Basket, coupons: list[Coupon]) -> None:
    totals_cents = [
        cheapest_quote(SHOP, basket, coupons[:considered]).total_cents for considered in range(len(coupons) + 1)
    ]

    assert totals_cents == sorted(totals_cents, reverse=True)


@patient
@given(BASKETS, COUPONS, st.data())
def test_no_combination_beats_the_cheapest(basket: Basket, coupons: list[Coupon], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(coupons), max_size=len(coupons)))
    chosen = [coupon for coupon, keep in zip(coupons, kept, strict=True) if keep]

    assert cheapest_quote(SHOP, basket, coupons).total_cents <= quote(SHOP, basket, chosen).total_cents


@patient
@given(BASKETS, COUPONS)
def test_the_cheapest_combination_holds_no_idle_coupon(basket: Basket, coupons: list[Coupon]) -> None:
    best = cheapest_quote(SHOP, basket, coupons)
    redeemed = [redemption.coupon for redemption in best.redemptions]

    for left_out in range(len(redeemed)):
        others = redeemed[:left_out] + redeemed[left_out + 1 :]
        assert quote(SHOP, basket, others).total_cents > best.total_cents


@patient
@given(st.integers(min_value=1, max_value=1_000_000), st.integers(min_value=0, max_value=5))
def test_the_order_of_lines_does_not_matter(cart_id: int, considered: int) -> None:
    lines = cart_lines(cart_id, CATALOGUE.products)

    forwards = price_cart(CATALOGUE, lines, considered)
    backwards = price_cart(CATALOGUE, lines[::-1], considered)
    assert forwards.quote == backwards.quote
    assert forwards.lines == backwards.lines[::-1]
