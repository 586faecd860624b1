// See streamx.ts. Not the module itself: the runtime would follow it and read through what it leads to.
module.exports = () => require('streamx')
