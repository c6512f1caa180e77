"""What a cart costs: promotions, the best combination of coupons, delivery and tax, in integer cents."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from servers.cart.cart import Line
from servers.cart.catalogue import Catalogue, Coupon, Promotion, Shipping


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line at its list price, and what its best promotion takes off."""

    line: Line
    promotion: Promotion | None
    list_cents: int
    saving_cents: int

    @property
    def goods_cents(self) -> int:
        """What the line costs after its promotion, before coupons and tax."""
        return self.list_cents - self.saving_cents


@dataclass(frozen=True, slots=True)
class Basket:
    """All that coupons, delivery and tax depend on: goods per category (net of tax) and weight."""

    goods_cents: tuple[int, ...]
    weight_g: int


@dataclass(frozen=True, slots=True)
class Redemption:
    """A coupon that counted, and what it took off the goods."""

    coupon: Coupon
    saving_cents: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a basket under one combination of coupons; `goods_cents` is per category."""

    redemptions: tuple[Redemption, ...]
    goods_cents: tuple[int, ...]
    shipping_cents: int
    tax_cents: int
    total_cents: int


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A cart with everything its page shows; `considered` is how many coupons were weighed."""

    lines: tuple[PricedLine, ...]
    basket: Basket
    considered: int
    quote: Quote


def price_cart(catalogue: Catalogue, lines: Iterable[Line], considered: int) -> PricedCart:
    """The cheapest way to buy `lines` with any of the first `considered` coupons."""
    priced = tuple(price_line(line, catalogue.promotions) for line in lines)
    basket = basket_of(priced, len(catalogue.categories))
    return PricedCart(
        lines=priced,
        basket=basket,
        considered=considered,
        quote=cheapest_quote(catalogue, basket, catalogue.coupons[:considered]),
    )


def price_line(line: Line, promotions: Iterable[Promotion]) -> PricedLine:
    """`line` under the promotion that saves most; of equals, the first."""
    best, most_cents = None, 0
    for promotion in promotions:
        saving_cents = promotion_saving_cents(line, promotion)
        if saving_cents > most_cents:
            best, most_cents = promotion, saving_cents
    list_cents = line.product.price_cents * line.quantity
    return PricedLine(line=line, promotion=best, list_cents=list_cents, saving_cents=most_cents)


def promotion_saving_cents(line: Line, promotion: Promotion) -> int:
    """What `promotion` takes off `line`: 0 for another category or less than one bundle."""
    if promotion.category != line.product.category:
        return 0
    reduced_units = line.quantity // promotion.bundle_units * promotion.reduced_units
    return share_cents(reduced_units * line.product.price_cents, promotion.rate_bp)


def basket_of(lines: Iterable[PricedLine], category_count: int) -> Basket:
    """The sums over `lines` on which the rest of the price depends."""
    goods_cents = [0] * category_count
    weight_g = 0
    for priced in lines:
        product = priced.line.product
        goods_cents[product.category] += priced.goods_cents
        weight_g += product.weight_g * priced.line.quantity
    return Basket(goods_cents=tuple(goods_cents), weight_g=weight_g)


def cheapest_quote(catalogue: Catalogue, basket: Basket, coupons: Sequence[Coupon]) -> Quote:
    """The quote with the lowest total over all 2**n combinations of `coupons`.

    Ties go to the first combination in counting order, so a coupon without effect is never redeemed.
    """
    best = quote(catalogue, basket, ())
    for combination in range(1, 1 << len(coupons)):
        chosen = [coupon for bit, coupon in enumerate(coupons) if combination >> bit & 1]
        candidate = quote(catalogue, basket, chosen)
        if candidate.total_cents < best.total_cents:
            best = candidate
    return best


def quote(catalogue: Catalogue, basket: Basket, coupons: Iterable[Coupon]) -> Quote:
    """The price of `basket` when `coupons` are redeemed in turn."""
    goods_cents = list(basket.goods_cents)
    redemptions = redeem_all(coupons, goods_cents)
    subtotal_cents = sum(goods_cents)
    shipping = catalogue.shipping
    free = any(redemption.coupon.free_shipping for redemption in redemptions)
    shipping_cents = 0 if free else delivery_cents(shipping, basket.weight_g, subtotal_cents)
    tax_cents = share_cents(shipping_cents, shipping.tax_bp)
    for category, category_cents in zip(catalogue.categories, goods_cents, strict=True):
        tax_cents += share_cents(category_cents, category.tax_bp)
    return Quote(
        redemptions=redemptions,
        goods_cents=tuple(goods_cents),
        shipping_cents=shipping_cents,
        tax_cents=tax_cents,
        total_cents=subtotal_cents + shipping_cents + tax_cents,
    )


def redeem_all(coupons: Iterable[Coupon], goods_cents: list[int]) -> tuple[Redemption, ...]:
    """Take `coupons` in turn off `goods_cents` in place; one whose terms are not met is ignored."""
    subtotal_cents = sum(goods_cents)
    exclusive_used = False
    redemptions = []
    for coupon in coupons:
        if subtotal_cents < coupon.min_spend_cents or (coupon.exclusive and exclusive_used):
            continue
        redeem(coupon, goods_cents)
        left_cents = sum(goods_cents)
        redemptions.append(Redemption(coupon, subtotal_cents - left_cents))
        subtotal_cents = left_cents
        exclusive_used = exclusive_used or coupon.exclusive
    return tuple(redemptions)


def redeem(coupon: Coupon, goods_cents: list[int]) -> None:
    """Take `coupon` off `goods_cents` (per category) in place, never below zero."""
    if coupon.rate_bp:
        for category in coupon.categories:
            goods_cents[category] -= share_cents(goods_cents[category], coupon.rate_bp)
    amount_cents = coupon.amount_cents
    for category in coupon.categories:
        if not amount_cents:
            break
        cut_cents = min(amount_cents, goods_cents[category])
        goods_cents[category] -= cut_cents
        amount_cents -= cut_cents


def delivery_cents(shipping: Shipping, weight_g: int, subtotal_cents: int) -> int:
    """What it costs to send `weight_g` grams of goods worth `subtotal_cents` (both before tax)."""
    if subtotal_cents >= shipping.free_from_cents or weight_g == 0:
        return 0
    for tier in shipping.tiers:
        if weight_g <= tier.up_to_g:
            return tier.price_cents
    last = shipping.tiers[-1]
    extra_steps = -(-(weight_g - last.up_to_g) // shipping.extra_step_g)
    return last.price_cents + extra_steps * shipping.extra_step_cents


def share_cents(amount_cents: int, rate_bp: int) -> int:
    """`rate_bp` basis points of a non-negative amount, rounded half up to a whole cent."""
    return (amount_cents * rate_bp + 5_000) // 10_000
