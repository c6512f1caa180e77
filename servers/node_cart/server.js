'use strict';

// The cart in one Node process: `node servers/node_cart/server.js --port 8080 [--host 127.0.0.1]`.

const { createApp } = require('./app.js');
const { readOptions } = require('./options.js');
const { serve } = require('./serve.js');

const options = readOptions({ withWorkers: false });
serve(createApp(options.coupons), options);
