/**
 * streamx, by `require()`: before it imports CommonJS, the runtime reads it through for the names of its exports, and
 * that takes longer than all else of loading this package.
 */
import { createRequire } from 'node:module'
import type * as Streamx from 'streamx'

export const streamx = /* @__PURE__ */ createRequire(import.meta.url)('streamx') as typeof Streamx
