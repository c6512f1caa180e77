'use strict';

// The page from a cluster of two Node processes: `node node_page.js PORT`.

const cluster = require('node:cluster');
const http = require('node:http');

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  http
    .createServer((_, response) => response.setHeader('X-Worker', process.pid).end('twelve bytes'))
    .listen(Number(process.argv[2]), '127.0.0.1');
}
