'use strict';

// The one entry point of the page: from a cart id to the bytes that answer the request.

const { cartLines } = require('./cart.js');
const { CATALOGUE } = require('./catalogue.js');
const { page } = require('./page.js');
const { priceCart } = require('./pricing.js');

/** The UTF-8 body of the page for cart `cartId`, priced anew with the first `coupons` coupons. */
function renderCart(cartId, coupons) {
  const priced = priceCart(CATALOGUE, cartLines(cartId, CATALOGUE.products), coupons);
  return Buffer.from(page(CATALOGUE, cartId, priced));
}

module.exports = { renderCart };
