// A cluster of two that replaces its workers on SIGHUP, and closes the old ones at once, with what is in flight on them.
// Each request takes 30 ms. Workers say how many requests they have finished when they end.
"use strict";

const cluster = require("node:cluster");
const http = require("node:http");

const WORKERS = 2;
const WORK_MS = 30;

function supervise() {
  for (let number = 0; number < WORKERS; number += 1) cluster.fork();
  process.on("SIGHUP", () => {
    const old = Object.values(cluster.workers);
    for (let number = 0; number < WORKERS; number += 1) cluster.fork().once("listening", () => old.pop()?.send("close"));
  });
  process.on("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.send("close");
    setTimeout(() => process.exit(0), 300);
  });
}

function work(port) {
  let finished = 0;
  const server = http.createServer((request, response) => {
    response.on("finish", () => { finished += request.method === "POST" ? 1 : 0; });
    request.resume();
    setTimeout(() => response.end("done\n"), WORK_MS);
  });
  server.listen(port, "127.0.0.1");
  process.on("message", () => {
    process.stdout.write(`finished ${finished}\n`, () => process.exit(0));
    server.closeAllConnections();
  });
}

if (cluster.isPrimary) supervise();
else work(Number(process.argv[2]));
