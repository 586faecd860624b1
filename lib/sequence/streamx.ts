/**
 * streamx, loaded when the first stream is made, and by `require()`: before it imports CommonJS, the runtime reads it
 * through for the names of its exports, and that takes longer than all else of loading this package. Of streamx.cjs there
 * is nothing to read; and what bundles a program finds streamx through it, where it would not through `createRequire()`.
 */
import type * as Streamx from 'streamx'
import load from './streamx.cjs'

/** streamx: the same module each time. */
export const loadStreamx = load as () => typeof Streamx
