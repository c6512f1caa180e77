'use strict';

// The cart in a cluster of Node processes that share one port:
// `node servers/node_cart/cluster.js --port 8080 --workers 2 [--host 127.0.0.1]`.

const cluster = require('node:cluster');
const { createApp } = require('./app.js');
const { readOptions } = require('./options.js');
const { serve } = require('./serve.js');

/** Start `count` workers, report those that die, and leave with the last of them. */
function lead(count) {
  let stopping = false;
  let alive = count;
  cluster.on('exit', (worker, code, signal) => {
    alive -= 1;
    if (!stopping) {
      console.error(`worker ${worker.process.pid} died (${signal ?? code}); ${alive} of ${count} are left`);
    }
    if (alive === 0) {
      process.exit(stopping ? 0 : 1);
    }
  });
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      stopping = true;
      for (const worker of Object.values(cluster.workers)) {
        worker.process.kill('SIGTERM');
      }
    });
  }
  for (let started = 0; started < count; started += 1) {
    cluster.fork();
  }
}

const options = readOptions({ withWorkers: true });
if (cluster.isPrimary) {
  lead(options.workers);
} else {
  serve(createApp(options.coupons), options);
}
