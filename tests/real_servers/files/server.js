// One page, by one process.
const http = require('node:http')

const page = '<!doctype html><title>Page</title><p>' + 'A page of some length. '.repeat(40)
http
  .createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': page.length })
    response.end(page)
  })
  .listen(Number(process.env.PORT), process.env.HOST)
