"""The shop's data is complete and makes sense."""

from servers.cart.catalogue import CATALOGUE


def test_the_shop_is_of_the_agreed_size() -> None:
    assert 40 <= len(CATALOGUE.products) <= 60
    assert len(CATALOGUE.coupons) == 16


def test_products_and_coupons_have_names_of_their_own() -> None:
    skus = {product.sku for product in CATALOGUE.products}
    codes = {coupon.code for coupon in CATALOGUE.coupons}

    assert len(skus) == len(CATALOGUE.products)
    assert len(codes) == len(CATALOGUE.coupons)


def test_every_category_has_products() -> None:
    used = {product.category for product in CATALOGUE.products}

    assert used == set(range(len(CATALOGUE.categories)))


def test_prices_and_weights_are_positive_whole_numbers() -> None:
    for product in CATALOGUE.products:
        assert type(product.price_cents) is int
        assert type(product.weight_g) is int
        assert product.price_cents > 0
        assert product.weight_g > 0


def test_no_promotion_reduces_more_than_its_bundle() -> None:
    for promotion in CATALOGUE.promotions:
        assert 0 < promotion.reduced_units <= promotion.bundle_units
        assert 0 < promotion.rate_bp <= 10_000


def test_a_coupon_is_for_one_category_or_for_all() -> None:
    everything = tuple(range(len(CATALOGUE.categories)))

    for coupon in CATALOGUE.coupons:
        assert coupon.categories == everything or len(coupon.categories) == 1


def test_several_coupons_exclude_each_other_and_several_ask_for_a_minimum() -> None:
    assert sum(coupon.exclusive for coupon in CATALOGUE.coupons) > 1
    assert sum(coupon.min_spend_cents > 0 for coupon in CATALOGUE.coupons) > 1


def test_shipping_tiers_rise() -> None:
    tiers = CATALOGUE.shipping.tiers

    assert [tier.up_to_g for tier in tiers] == sorted({tier.up_to_g for tier in tiers})
    assert [tier.price_cents for tier in tiers] == sorted({tier.price_cents for tier in tiers})


def test_the_texts_put_every_character_that_html_escapes_to_the_test() -> None:
    text = "".join(product.name + product.description for product in CATALOGUE.products)

    assert set("&<>\"'") <= set(text)
