'use strict';

// What the person who starts a server may say: the command line and CART_COUPONS.

const { parseArgs } = require('node:util');
const { couponsConsidered } = require('./settings.js');

const MAX_PORT = 65_535;
const MAX_WORKERS = 256;
const MISUSE = 2;

/**
 * `host`, `port` and `coupons`, and `workers` where `--workers` is allowed.
 *
 * A wrong word ends the process with one line on stderr.
 */
function readOptions({ withWorkers }) {
  try {
    const { values } = parseArgs({
      options: {
        host: { type: 'string' },
        port: { type: 'string' },
        ...(withWorkers && { workers: { type: 'string' } }),
      },
    });
    return {
      host: values.host ?? '127.0.0.1',
      port: wholeNumber('--port', values.port ?? '8080', MAX_PORT),
      workers: wholeNumber('--workers', values.workers ?? '2', MAX_WORKERS),
      coupons: couponsConsidered(process.env),
    };
  } catch (error) {
    console.error(error.message);
    return process.exit(MISUSE);
  }
}

/** The number that `text`, the value of option `name`, stands for. */
function wholeNumber(name, text, most) {
  if (!/^[1-9][0-9]{0,4}$/.test(text) || Number(text) > most) {
    throw new RangeError(`${name} must be a whole number from 1 to ${most}, not ${JSON.stringify(text)}`);
  }
  return Number(text);
}

module.exports = { readOptions };
