// See streamx.ts. Two lines, or the runtime would follow the one and read through what it leads to.
const streamx = require('streamx')
module.exports = streamx
