"""The HTML of the cart page; every text from the catalogue is escaped where it is written."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Final

from servers.cart.catalogue import Catalogue, Coupon, Product
from servers.cart.formats import euros, kilograms, percent
from servers.cart.pricing import PricedCart, PricedLine, share_cents

STYLE: Final = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def page(catalogue: Catalogue, cart_id: int, priced: PricedCart) -> str:
    """The complete document for cart `cart_id`."""
    shop = escape(catalogue.shop)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cart {cart_id} · {shop}</title>
<style>
{STYLE}</style>
</head>
<body>
<header class="masthead">
<p class="shop">{shop}</p>
<nav aria-label="On this page">
<ul>
<li><a href="#summary">Summary</a></li>
<li><a href="#items">Items</a></li>
<li><a href="#coupons">Coupons</a></li>
<li><a href="#tax">Tax</a></li>
<li><a href="#delivery">Delivery</a></li>
<li><a href="#shelf">Also on the shelf</a></li>
</ul>
</nav>
</header>
<main>
<h1>Your cart</h1>
{summary_section(priced)}
{items_section(catalogue, priced)}
{coupons_section(catalogue, priced)}
{tax_section(catalogue, priced)}
{delivery_section(catalogue, priced)}
{shelf_section(catalogue, priced)}
</main>
<footer class="imprint">
<p>{shop} · cart number {cart_id} · prices are net unless they say otherwise.</p>
</footer>
</body>
</html>
"""


def summary_section(priced: PricedCart) -> str:
    """What the cart costs, from the list prices down to the total."""
    quote = priced.quote
    coupons_cents = sum(redemption.saving_cents for redemption in quote.redemptions)
    facts = [
        ("List price", euros(sum(line.list_cents for line in priced.lines))),
        ("Promotions", euros(-sum(line.saving_cents for line in priced.lines))),
        ("Coupons", euros(-coupons_cents)),
        ("Goods", euros(sum(quote.goods_cents))),
        ("Delivery", euros(quote.shipping_cents)),
        ("Tax", euros(quote.tax_cents)),
    ]
    return f"""<section id="summary" aria-labelledby="summary-title">
<h2 id="summary-title">Summary</h2>
<dl class="summary">
{fact_rows(facts)}
<div class="total"><dt>Total</dt><dd>{euros(quote.total_cents)}</dd></div>
</dl>
</section>"""


def items_section(catalogue: Catalogue, priced: PricedCart) -> str:
    """One card for every line item."""
    cards = "\n".join(item_card(catalogue, line) for line in priced.lines)
    return f"""<section id="items" aria-labelledby="items-title">
<h2 id="items-title">{len(priced.lines)} items, {kilograms(priced.basket.weight_g)}</h2>
<div class="cards">
{cards}
</div>
</section>"""


def item_card(catalogue: Catalogue, priced: PricedLine) -> str:
    """The card of one line item: the product, how many, and what they cost."""
    product, quantity = priced.line.product, priced.line.quantity
    title = priced.promotion.title if priced.promotion else "No promotion for this quantity"
    facts = [
        *product_facts(catalogue, product),
        ("Quantity", str(quantity)),
        ("Weight of all", kilograms(product.weight_g * quantity)),
        ("List price of all", euros(priced.list_cents)),
        ("Promotion", euros(-priced.saving_cents)),
    ]
    return f"""<article class="card" id="{escape(product.sku)}">
{card_header(catalogue, product)}
<p class="promotion">{escape(title)}</p>
<dl>
{fact_rows(facts)}
<div class="total"><dt>Goods</dt><dd>{euros(priced.goods_cents)}</dd></div>
</dl>
{good_to_know(catalogue, priced.line.product)}
</article>"""


def coupons_section(catalogue: Catalogue, priced: PricedCart) -> str:
    """Every coupon of the shop, and what became of it."""
    savings_cents = {entry.coupon.code: entry.saving_cents for entry in priced.quote.redemptions}
    rows = []
    for index, coupon in enumerate(catalogue.coupons):
        redeemed = coupon.code in savings_cents
        if redeemed:
            outcome = f"Redeemed: {euros(-savings_cents[coupon.code])}"
        else:
            outcome = "Not in the best combination" if index < priced.considered else "Not considered"
        rows.append(coupon_row(catalogue, coupon, outcome, redeemed))
    return table_section(
        "coupons",
        "Coupons",
        f"The cheapest of {1 << priced.considered} combinations of {priced.considered} coupons.",
        ("Code", "Coupon", "Takes off", "Valid for", "Minimum spend", "Combines", "Outcome"),
        rows,
    )


def coupon_row(catalogue: Catalogue, coupon: Coupon, outcome: str, redeemed: bool) -> str:
    """The terms of one coupon as a table row."""
    everything = len(coupon.categories) == len(catalogue.categories)
    valid_for = "Everything" if everything else catalogue.categories[coupon.categories[0]].name
    return f"""<tr class="{"redeemed" if redeemed else "unused"}">
<th scope="row"><code>{escape(coupon.code)}</code></th>
<td>{escape(coupon.title)}</td>
<td>{percent(coupon.rate_bp)}, {euros(coupon.amount_cents)}{", delivery" if coupon.free_shipping else ""}</td>
<td>{escape(valid_for)}</td>
<td class="number">{euros(coupon.min_spend_cents)}</td>
<td>{"Exclusive" if coupon.exclusive else "Freely"}</td>
<td>{outcome}</td>
</tr>"""


def tax_section(catalogue: Catalogue, priced: PricedCart) -> str:
    """The goods and their tax per category, and the tax on delivery."""
    shipping, quote = catalogue.shipping, priced.quote
    rows = [
        tax_row(category.name, goods_cents, category.tax_bp)
        for category, goods_cents in zip(catalogue.categories, quote.goods_cents, strict=True)
    ]
    rows.append(tax_row("Delivery", quote.shipping_cents, shipping.tax_bp))
    return table_section(
        "tax",
        "Tax",
        "Tax is due on what is left to pay after promotions and coupons.",
        ("Category", "Net", "Rate", "Tax"),
        rows,
    )


def tax_row(name: str, net_cents: int, tax_bp: int) -> str:
    """One taxed sum as a table row."""
    return f"""<tr>
<th scope="row">{escape(name)}</th>
<td class="number">{euros(net_cents)}</td>
<td class="number">{percent(tax_bp)}</td>
<td class="number">{euros(share_cents(net_cents, tax_bp))}</td>
</tr>"""


def delivery_section(catalogue: Catalogue, priced: PricedCart) -> str:
    """The delivery tariff, and what this cart pays."""
    shipping = catalogue.shipping
    terms = [(f"Up to {kilograms(tier.up_to_g)}", tier.price_cents) for tier in shipping.tiers]
    terms.append((f"Every further {kilograms(shipping.extra_step_g)}", shipping.extra_step_cents))
    terms.append((f"From {euros(shipping.free_from_cents)} of goods", 0))
    terms.append((f"This cart: {kilograms(priced.basket.weight_g)}", priced.quote.shipping_cents))
    rows = [
        f'<tr>\n<th scope="row">{term}</th>\n<td class="number">{euros(cents)}</td>\n</tr>' for term, cents in terms
    ]
    return table_section("delivery", "Delivery", "Net prices by weight.", ("Parcel", "Price"), rows)


def shelf_section(catalogue: Catalogue, priced: PricedCart) -> str:
    """One card for every product that is not in the cart yet."""
    in_cart = {line.line.product.sku for line in priced.lines}
    shelf = [product for product in catalogue.products if product.sku not in in_cart]
    cards = "\n".join(shelf_card(catalogue, product) for product in shelf)
    return f"""<section id="shelf" aria-labelledby="shelf-title">
<h2 id="shelf-title">Also on the shelf</h2>
<div class="cards">
{cards}
</div>
</section>"""


def shelf_card(catalogue: Catalogue, product: Product) -> str:
    """The card of a product on offer."""
    return f"""<article class="card" id="{escape(product.sku)}">
{card_header(catalogue, product)}
<dl>
{fact_rows(product_facts(catalogue, product))}
</dl>
{good_to_know(catalogue, product)}
</article>"""


def card_header(catalogue: Catalogue, product: Product) -> str:
    """Icon, name, article number and description of a product."""
    category = catalogue.categories[product.category]
    return f"""<header>
<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{escape(category.icon)}"/></svg>
<h3>{escape(product.name)}</h3>
<p class="sku">{escape(category.name)} · {escape(product.sku)}</p>
</header>
<p>{escape(product.description)}</p>"""


def product_facts(catalogue: Catalogue, product: Product) -> list[tuple[str, str]]:
    """Price, tax and weight of one piece."""
    tax_bp = catalogue.categories[product.category].tax_bp
    return [
        ("Price", euros(product.price_cents)),
        (
            f"Price with {percent(tax_bp)} tax",
            euros(product.price_cents + share_cents(product.price_cents, tax_bp)),
        ),
        ("Weight", kilograms(product.weight_g)),
    ]


def good_to_know(catalogue: Catalogue, product: Product) -> str:
    """How to look after a product and how to send it back, folded away."""
    category = catalogue.categories[product.category]
    return f"""<details>
<summary>Care and returns</summary>
<p>{escape(category.care)}</p>
<p>{escape(category.returns)}</p>
</details>"""


def fact_rows(facts: Iterable[tuple[str, str]]) -> str:
    """Name and value pairs, free of markup, as the rows of a `dl`."""
    return "\n".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)


def table_section(name: str, title: str, caption: str, columns: Iterable[str], rows: Iterable[str]) -> str:
    """A section that holds one table; `rows` are finished `tr` elements."""
    heads = "\n".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "\n".join(rows)
    return f"""<section id="{name}" aria-labelledby="{name}-title">
<h2 id="{name}-title">{title}</h2>
<table>
<caption>{caption}</caption>
<thead>
<tr>
{heads}
</tr>
</thead>
<tbody>
{body}
</tbody>
</table>
</section>"""
