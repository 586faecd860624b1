/**
 * streamx, loaded when the first stream is made, and by `require()`: before it imports CommonJS, the runtime reads it
 * through for the names of its exports, and that takes longer than all else of loading this package. Of streamx.cjs there
 * is nothing to read; and what bundles a program finds streamx through it, where it would not through `createRequire()`.
 */
import type * as Streamx from 'streamx'
import load from './streamx.cjs'

/** streamx: the same module each time. */
export const loadStreamx = load as () => typeof Streamx

/** Whether it is a Writable of streamx, of any version: that is told without loading one. */
export function isStreamxWritable(value: object): value is Streamx.Writable {
  const { _duplexState, _writableState } = value as { _duplexState?: unknown; _writableState?: unknown }
  return typeof _duplexState === 'number' && Boolean(_writableState)
}

/** Whether all that was written to a streamx Writable has been taken; false if it was destroyed before that. */
export function drained(writable: object): Promise<unknown> {
  // Its own, if there is one: several versions of streamx may be about, and this looks into its state.
  const own = writable.constructor as Partial<typeof Streamx.Writable>
  return (own.drained ?? loadStreamx().Writable.drained)(writable as never)
}
