// The same page, by as many processes as WORKERS says.
const cluster = require('node:cluster')

if (cluster.isPrimary) {
  for (let worker = 0; worker < Number(process.env.WORKERS); worker++) cluster.fork()
} else {
  require('./server.js')
}
