'use strict';

// The HTML of the cart page: `servers/cart/page.py`, function by function and byte for byte.

const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { euros, kilograms, percent } = require('./formats.js');
const { shareCents } = require('./pricing.js');

const STYLE = readFileSync(join(__dirname, '..', 'cart', 'page.css'), 'utf8');

/** The complete document for cart `cartId`. */
function page(catalogue, cartId, priced) {
  const shop = escape(catalogue.shop);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cart ${cartId} · ${shop}</title>
<style>
${STYLE}</style>
</head>
<body>
<header class="masthead">
<p class="shop">${shop}</p>
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
${summarySection(priced)}
${itemsSection(catalogue, priced)}
${couponsSection(catalogue, priced)}
${taxSection(catalogue, priced)}
${deliverySection(catalogue, priced)}
${shelfSection(catalogue, priced)}
</main>
<footer class="imprint">
<p>${shop} · cart number ${cartId} · prices are net unless they say otherwise.</p>
</footer>
</body>
</html>
`;
}

/** What the cart costs, from the list prices down to the total. */
function summarySection(priced) {
  const { quote } = priced;
  const couponsCents = sum(quote.redemptions.map((redemption) => redemption.savingCents));
  const facts = [
    ['List price', euros(sum(priced.lines.map((line) => line.listCents)))],
    ['Promotions', euros(-sum(priced.lines.map((line) => line.savingCents)))],
    ['Coupons', euros(-couponsCents)],
    ['Goods', euros(sum(quote.goodsCents))],
    ['Delivery', euros(quote.shippingCents)],
    ['Tax', euros(quote.taxCents)],
  ];
  return `<section id="summary" aria-labelledby="summary-title">
<h2 id="summary-title">Summary</h2>
<dl class="summary">
${factRows(facts)}
<div class="total"><dt>Total</dt><dd>${euros(quote.totalCents)}</dd></div>
</dl>
</section>`;
}

/** One card for every line item. */
function itemsSection(catalogue, priced) {
  const cards = priced.lines.map((line) => itemCard(catalogue, line)).join('\n');
  return `<section id="items" aria-labelledby="items-title">
<h2 id="items-title">${priced.lines.length} items, ${kilograms(priced.basket.weightG)}</h2>
<div class="cards">
${cards}
</div>
</section>`;
}

/** The card of one line item: the product, how many, and what they cost. */
function itemCard(catalogue, priced) {
  const { product, quantity } = priced.line;
  const title = priced.promotion ? priced.promotion.title : 'No promotion for this quantity';
  const facts = [
    ...productFacts(catalogue, product),
    ['Quantity', String(quantity)],
    ['Weight of all', kilograms(product.weight_g * quantity)],
    ['List price of all', euros(priced.listCents)],
    ['Promotion', euros(-priced.savingCents)],
  ];
  return `<article class="card" id="${escape(product.sku)}">
${cardHeader(catalogue, product)}
<p class="promotion">${escape(title)}</p>
<dl>
${factRows(facts)}
<div class="total"><dt>Goods</dt><dd>${euros(priced.goodsCents)}</dd></div>
</dl>
${goodToKnow(catalogue, product)}
</article>`;
}

/** Every coupon of the shop, and what became of it. */
function couponsSection(catalogue, priced) {
  const savingsCents = new Map(
    priced.quote.redemptions.map((redemption) => [redemption.coupon.code, redemption.savingCents]),
  );
  const rows = catalogue.coupons.map((coupon, index) => {
    const redeemed = savingsCents.has(coupon.code);
    let outcome = index < priced.considered ? 'Not in the best combination' : 'Not considered';
    if (redeemed) {
      outcome = `Redeemed: ${euros(-savingsCents.get(coupon.code))}`;
    }
    return couponRow(catalogue, coupon, outcome, redeemed);
  });
  return tableSection(
    'coupons',
    'Coupons',
    `The cheapest of ${1 << priced.considered} combinations of ${priced.considered} coupons.`,
    ['Code', 'Coupon', 'Takes off', 'Valid for', 'Minimum spend', 'Combines', 'Outcome'],
    rows,
  );
}

/** The terms of one coupon as a table row. */
function couponRow(catalogue, coupon, outcome, redeemed) {
  const everything = coupon.categories.length === catalogue.categories.length;
  const validFor = everything ? 'Everything' : catalogue.categories[coupon.categories[0]].name;
  const delivery = coupon.free_shipping ? ', delivery' : '';
  return `<tr class="${redeemed ? 'redeemed' : 'unused'}">
<th scope="row"><code>${escape(coupon.code)}</code></th>
<td>${escape(coupon.title)}</td>
<td>${percent(coupon.rate_bp)}, ${euros(coupon.amount_cents)}${delivery}</td>
<td>${escape(validFor)}</td>
<td class="number">${euros(coupon.min_spend_cents)}</td>
<td>${coupon.exclusive ? 'Exclusive' : 'Freely'}</td>
<td>${outcome}</td>
</tr>`;
}

/** The goods and their tax per category, and the tax on delivery. */
function taxSection(catalogue, priced) {
  const { shipping } = catalogue;
  const { quote } = priced;
  const rows = catalogue.categories.map((category, index) =>
    taxRow(category.name, quote.goodsCents[index], category.tax_bp),
  );
  rows.push(taxRow('Delivery', quote.shippingCents, shipping.tax_bp));
  return tableSection(
    'tax',
    'Tax',
    'Tax is due on what is left to pay after promotions and coupons.',
    ['Category', 'Net', 'Rate', 'Tax'],
    rows,
  );
}

/** One taxed sum as a table row. */
function taxRow(name, netCents, taxBp) {
  return `<tr>
<th scope="row">${escape(name)}</th>
<td class="number">${euros(netCents)}</td>
<td class="number">${percent(taxBp)}</td>
<td class="number">${euros(shareCents(netCents, taxBp))}</td>
</tr>`;
}

/** The delivery tariff, and what this cart pays. */
function deliverySection(catalogue, priced) {
  const { shipping } = catalogue;
  const terms = shipping.tiers.map((tier) => [`Up to ${kilograms(tier.up_to_g)}`, tier.price_cents]);
  terms.push([`Every further ${kilograms(shipping.extra_step_g)}`, shipping.extra_step_cents]);
  terms.push([`From ${euros(shipping.free_from_cents)} of goods`, 0]);
  terms.push([`This cart: ${kilograms(priced.basket.weightG)}`, priced.quote.shippingCents]);
  const rows = terms.map(
    ([term, cents]) => `<tr>\n<th scope="row">${term}</th>\n<td class="number">${euros(cents)}</td>\n</tr>`,
  );
  return tableSection('delivery', 'Delivery', 'Net prices by weight.', ['Parcel', 'Price'], rows);
}

/** One card for every product that is not in the cart yet. */
function shelfSection(catalogue, priced) {
  const inCart = new Set(priced.lines.map((line) => line.line.product.sku));
  const shelf = catalogue.products.filter((product) => !inCart.has(product.sku));
  const cards = shelf.map((product) => shelfCard(catalogue, product)).join('\n');
  return `<section id="shelf" aria-labelledby="shelf-title">
<h2 id="shelf-title">Also on the shelf</h2>
<div class="cards">
${cards}
</div>
</section>`;
}

/** The card of a product on offer. */
function shelfCard(catalogue, product) {
  return `<article class="card" id="${escape(product.sku)}">
${cardHeader(catalogue, product)}
<dl>
${factRows(productFacts(catalogue, product))}
</dl>
${goodToKnow(catalogue, product)}
</article>`;
}

/** Icon, name, article number and description of a product. */
function cardHeader(catalogue, product) {
  const category = catalogue.categories[product.category];
  return `<header>
<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${escape(category.icon)}"/></svg>
<h3>${escape(product.name)}</h3>
<p class="sku">${escape(category.name)} · ${escape(product.sku)}</p>
</header>
<p>${escape(product.description)}</p>`;
}

/** Price, tax and weight of one piece. */
function productFacts(catalogue, product) {
  const { tax_bp: taxBp } = catalogue.categories[product.category];
  const grossCents = product.price_cents + shareCents(product.price_cents, taxBp);
  return [
    ['Price', euros(product.price_cents)],
    [`Price with ${percent(taxBp)} tax`, euros(grossCents)],
    ['Weight', kilograms(product.weight_g)],
  ];
}

/** How to look after a product and how to send it back, folded away. */
function goodToKnow(catalogue, product) {
  const category = catalogue.categories[product.category];
  return `<details>
<summary>Care and returns</summary>
<p>${escape(category.care)}</p>
<p>${escape(category.returns)}</p>
</details>`;
}

/** Name and value pairs, free of markup, as the rows of a `dl`. */
function factRows(facts) {
  return facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('\n');
}

/** A section that holds one table; `rows` are finished `tr` elements. */
function tableSection(name, title, caption, columns, rows) {
  const heads = columns.map((column) => `<th scope="col">${column}</th>`).join('\n');
  return `<section id="${name}" aria-labelledby="${name}-title">
<h2 id="${name}-title">${title}</h2>
<table>
<caption>${caption}</caption>
<thead>
<tr>
${heads}
</tr>
</thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
</section>`;
}

/** The sum of `amounts`. */
function sum(amounts) {
  return amounts.reduce((total, amount) => total + amount, 0);
}

/** `text` with every character that means something in HTML replaced, as Python's `html.escape` does. */
function escape(text) {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#x27;');
}

module.exports = { page };
