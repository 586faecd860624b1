/**
 * What event streams are destroyed with: an Error, whatever was thrown. They take anything falsy for no error at all,
 * and would end as if all were well.
 */
import { inspect } from 'node:util'

/** An error as it is; anything else as the cause of one. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(inspect(thrown), { cause: thrown })
}

/** The reason of a signal, if it is an error; else an AbortError as Node's, with the reason as its cause. */
export function asAbortError(reason: unknown): Error {
  if (reason instanceof Error) return reason
  const error = new Error('The operation was aborted', { cause: reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}
