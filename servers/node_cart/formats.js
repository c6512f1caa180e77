'use strict';

// How amounts, rates and weights are written on the page, as in `servers/cart/formats.py`.

const MINUS = '\u2212';

/** An amount such as `€1,234.50`, with a true minus sign when it is negative. */
function euros(cents) {
  const [whole, rest] = split(Math.abs(cents), 100);
  return `${cents < 0 ? MINUS : ''}€${whole.replace(/\B(?=(\d{3})+$)/g, ',')}.${rest.padStart(2, '0')}`;
}

/** A rate in basis points such as `12.50 %`. */
function percent(rateBp) {
  const [whole, rest] = split(rateBp, 100);
  return `${whole}.${rest.padStart(2, '0')} %`;
}

/** A weight such as `1.250 kg`. */
function kilograms(weightG) {
  const [whole, rest] = split(weightG, 1000);
  return `${whole}.${rest.padStart(3, '0')} kg`;
}

/** How often `unit` fits into `amount` and what remains, both as text. */
function split(amount, unit) {
  return [String(Math.floor(amount / unit)), String(amount % unit)];
}

module.exports = { euros, percent, kilograms };
