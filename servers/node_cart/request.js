'use strict';

// Which cart a request asks for, as in `servers/cart/request.py`.

const DEFAULT_CART_ID = 1;
const MAX_CART_ID = 1_000_000;

/** The cart that the query's `id` values name; throws when it is not exactly one number in range. */
function parseCartId(values) {
  if (values.length === 0) {
    return DEFAULT_CART_ID;
  }
  const cartId = Number(values[0]);
  if (values.length > 1 || !/^[1-9][0-9]{0,6}$/.test(values[0]) || cartId > MAX_CART_ID) {
    throw new RangeError(`id must be one whole number from 1 to ${MAX_CART_ID}`);
  }
  return cartId;
}

module.exports = { parseCartId };
