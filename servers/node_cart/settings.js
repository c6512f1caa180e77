'use strict';

// The environment variable CART_COUPONS, as in `servers/cart/settings.py`.

const { CATALOGUE } = require('./catalogue.js');

const DEFAULT_COUPONS = '6';

/** How many coupons a page considers; throws when CART_COUPONS is not a number the shop can serve. */
function couponsConsidered(environment) {
  const text = environment.CART_COUPONS ?? DEFAULT_COUPONS;
  const most = CATALOGUE.coupons.length;
  if (!/^[0-9]{1,2}$/.test(text) || Number(text) > most) {
    const wrong = JSON.stringify(text);
    throw new RangeError(`CART_COUPONS must be a whole number from 0 to ${most}, not ${wrong}`);
  }
  return Number(text);
}

module.exports = { couponsConsidered };
