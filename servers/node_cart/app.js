'use strict';

// What the server answers: the cart page at `/cart`, and a line of plain text for anything else.

const { parseCartId } = require('./request.js');
const { renderCart } = require('./render.js');

/** The request listener of a shop whose pages consider the first `coupons` coupons. */
function createApp(coupons) {
  return (request, response) => {
    const { status, headers, body } = answer(request.method, request.url, coupons);
    response.writeHead(status, {
      'Content-Length': body.length,
      'X-Worker': String(process.pid),
      ...headers,
    });
    response.end(body);
  };
}

/** Status, headers and body for a request; Node itself leaves the body out of answers to HEAD. */
function answer(method, url, coupons) {
  const [path, query] = splitUrl(url);
  if (path !== '/cart') {
    return refusal(404, 'not found; the cart is at /cart');
  }
  if (method !== 'GET' && method !== 'HEAD') {
    return refusal(405, 'only GET and HEAD are allowed', { Allow: 'GET, HEAD' });
  }
  let cartId;
  try {
    cartId = parseCartId(new URLSearchParams(query).getAll('id'));
  } catch (error) {
    return refusal(400, error.message);
  }
  return {
    status: 200,
    headers: { 'Content-Type': 'text/html; charset=utf-8' },
    body: renderCart(cartId, coupons),
  };
}

/** An answer of one line of plain text. */
function refusal(status, message, headers = {}) {
  return {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers },
    body: Buffer.from(`${message}\n`),
  };
}

/** The path and the query of a request target. */
function splitUrl(url) {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}

module.exports = { createApp };
