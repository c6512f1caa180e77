'use strict';

// One listening HTTP server, from its start to its graceful end.

const { createServer } = require('node:http');

const GRACE_MS = 5_000;

/** Answer requests on `host` and `port` with `app` until SIGTERM or SIGINT. */
function serve(app, { host, port }) {
  const server = createServer(app);
  server.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  server.listen(port, host, () => {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      process.once(signal, () => stop(server));
    }
    console.log(`process ${process.pid} listens on http://${host}:${port}`);
  });
}

/** Finish what was asked, accept nothing new, and leave. */
function stop(server) {
  if (!server.listening) {
    return; // A second signal changes nothing.
  }
  server.prependListener('request', (_, response) => response.setHeader('Connection', 'close'));
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  // A client that connected and never asked is not idle to Node, and would hold us back for a minute.
  setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
}

module.exports = { serve };
