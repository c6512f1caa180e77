'use strict';

// What a cart costs, in integer cents: `servers/cart/pricing.py`, function by function.

/** The cheapest way to buy `lines` with any of the first `considered` coupons. */
function priceCart(catalogue, lines, considered) {
  const priced = lines.map((line) => priceLine(line, catalogue.promotions));
  const basket = basketOf(priced, catalogue.categories.length);
  return {
    lines: priced,
    basket,
    considered,
    quote: cheapestQuote(catalogue, basket, catalogue.coupons.slice(0, considered)),
  };
}

/** `line` under the promotion that saves most; of equals, the first. */
function priceLine(line, promotions) {
  let best = null;
  let mostCents = 0;
  for (const promotion of promotions) {
    const savingCents = promotionSavingCents(line, promotion);
    if (savingCents > mostCents) {
      best = promotion;
      mostCents = savingCents;
    }
  }
  const listCents = line.product.price_cents * line.quantity;
  return { line, promotion: best, listCents, savingCents: mostCents, goodsCents: listCents - mostCents };
}

/** What `promotion` takes off `line`: 0 for another category or less than one bundle. */
function promotionSavingCents(line, promotion) {
  if (promotion.category !== line.product.category) {
    return 0;
  }
  const reducedUnits = Math.floor(line.quantity / promotion.bundle_units) * promotion.reduced_units;
  return shareCents(reducedUnits * line.product.price_cents, promotion.rate_bp);
}

/** The sums over `lines` on which the rest of the price depends. */
function basketOf(lines, categoryCount) {
  const goodsCents = Array.from({ length: categoryCount }, () => 0);
  let weightG = 0;
  for (const priced of lines) {
    const { product, quantity } = priced.line;
    goodsCents[product.category] += priced.goodsCents;
    weightG += product.weight_g * quantity;
  }
  return { goodsCents, weightG };
}

/**
 * The quote with the lowest total over all 2**n combinations of `coupons`.
 *
 * Ties go to the first combination in counting order, so a coupon without effect is never redeemed.
 */
function cheapestQuote(catalogue, basket, coupons) {
  let best = quote(catalogue, basket, []);
  for (let combination = 1; combination < 1 << coupons.length; combination += 1) {
    const candidate = quote(catalogue, basket, pick(coupons, combination));
    if (candidate.totalCents < best.totalCents) {
      best = candidate;
    }
  }
  return best;
}

/** Those of `coupons` whose bit is set in `combination`. */
function pick(coupons, combination) {
  const chosen = [];
  for (let bit = 0; bit < coupons.length; bit += 1) {
    if ((combination >> bit) & 1) {
      chosen.push(coupons[bit]);
    }
  }
  return chosen;
}

/** The price of `basket` when `coupons` are redeemed in turn. */
function quote(catalogue, basket, coupons) {
  const goodsCents = [...basket.goodsCents];
  const redemptions = redeemAll(coupons, goodsCents);
  const subtotalCents = sum(goodsCents);
  const { shipping } = catalogue;
  const free = redemptions.some((redemption) => redemption.coupon.free_shipping);
  const shippingCents = free ? 0 : deliveryCents(shipping, basket.weightG, subtotalCents);
  let taxCents = shareCents(shippingCents, shipping.tax_bp);
  catalogue.categories.forEach((category, index) => {
    taxCents += shareCents(goodsCents[index], category.tax_bp);
  });
  return {
    redemptions,
    goodsCents,
    shippingCents,
    taxCents,
    totalCents: subtotalCents + shippingCents + taxCents,
  };
}

/** Take `coupons` in turn off `goodsCents` in place; one whose terms are not met is ignored. */
function redeemAll(coupons, goodsCents) {
  let subtotalCents = sum(goodsCents);
  let exclusiveUsed = false;
  const redemptions = [];
  for (const coupon of coupons) {
    if (subtotalCents < coupon.min_spend_cents || (coupon.exclusive && exclusiveUsed)) {
      continue;
    }
    redeem(coupon, goodsCents);
    const leftCents = sum(goodsCents);
    redemptions.push({ coupon, savingCents: subtotalCents - leftCents });
    subtotalCents = leftCents;
    exclusiveUsed ||= coupon.exclusive;
  }
  return redemptions;
}

/** Take `coupon` off `goodsCents` (per category) in place, never below zero. */
function redeem(coupon, goodsCents) {
  if (coupon.rate_bp) {
    for (const category of coupon.categories) {
      goodsCents[category] -= shareCents(goodsCents[category], coupon.rate_bp);
    }
  }
  let amountCents = coupon.amount_cents;
  for (const category of coupon.categories) {
    if (!amountCents) {
      break;
    }
    const cutCents = Math.min(amountCents, goodsCents[category]);
    goodsCents[category] -= cutCents;
    amountCents -= cutCents;
  }
}

/** What it costs to send `weightG` grams of goods worth `subtotalCents` (both before tax). */
function deliveryCents(shipping, weightG, subtotalCents) {
  if (subtotalCents >= shipping.free_from_cents || weightG === 0) {
    return 0;
  }
  for (const tier of shipping.tiers) {
    if (weightG <= tier.up_to_g) {
      return tier.price_cents;
    }
  }
  const last = shipping.tiers[shipping.tiers.length - 1];
  const extraSteps = Math.ceil((weightG - last.up_to_g) / shipping.extra_step_g);
  return last.price_cents + extraSteps * shipping.extra_step_cents;
}

/** `rateBp` basis points of a non-negative amount, rounded half up to a whole cent. */
function shareCents(amountCents, rateBp) {
  return Math.floor((amountCents * rateBp + 5_000) / 10_000);
}

/** The sum of `amounts`. */
function sum(amounts) {
  let total = 0;
  for (const amount of amounts) {
    total += amount;
  }
  return total;
}

module.exports = { priceCart, shareCents };
