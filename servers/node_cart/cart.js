'use strict';

// What lies in a cart: a pure function of its id, the same as in `servers/cart/cart.py`.

const MIN_LINES = 18;
const MAX_LINES = 24;
const MAX_QUANTITY = 4;

// Lehmer's generator: every product stays below 2**53, so a number holds it exactly.
const MODULUS = 2 ** 31 - 1;
const MULTIPLIER = 48_271;

/** The line items of cart `cartId` (1 <= cartId < 2**31 - 1): 18 to 24 different products. */
function cartLines(cartId, products) {
  const draw = randomNumbers(cartId);
  const shelf = [...products];
  const count = MIN_LINES + (draw() % (MAX_LINES - MIN_LINES + 1));
  return Array.from({ length: count }, () => {
    const [product] = shelf.splice(draw() % shelf.length, 1);
    return { product, quantity: 1 + (draw() % MAX_QUANTITY) };
  });
}

/** An endless, repeatable stream of integers between 1 and 2**31 - 2, one for each call. */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state * MULTIPLIER) % MODULUS;
    return state;
  };
}

module.exports = { cartLines };
