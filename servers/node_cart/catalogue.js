'use strict';

// What the shop sells and on which terms: the same `catalogue.json` that the Python servers read.

const { readFileSync } = require('node:fs');
const { join } = require('node:path');

/** The catalogue in `data`, with the slugs of categories resolved to their places. */
function parseCatalogue(data) {
  const place = new Map(data.categories.map((category, index) => [category.slug, index]));
  const placed = (record) => ({ ...record, category: place.get(record.category) });
  return Object.freeze({
    ...data,
    products: data.products.map(placed),
    promotions: data.promotions.map(placed),
    coupons: data.coupons.map((record) => parseCoupon(record, place)),
  });
}

/** The coupon in `record`, written out so that V8 gives all coupons one shape and the search its speed. */
function parseCoupon(record, place) {
  return {
    code: record.code,
    title: record.title,
    categories: record.category === null ? [...place.values()] : [place.get(record.category)],
    rate_bp: record.rate_bp,
    amount_cents: record.amount_cents,
    free_shipping: record.free_shipping,
    min_spend_cents: record.min_spend_cents,
    exclusive: record.exclusive,
  };
}

const path = join(__dirname, '..', 'cart', 'catalogue.json');
const CATALOGUE = parseCatalogue(JSON.parse(readFileSync(path, 'utf8')));

module.exports = { CATALOGUE };
