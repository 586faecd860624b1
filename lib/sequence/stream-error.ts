/**
 * What event streams are destroyed with: an Error, whatever was thrown. They take anything falsy for no error at all,
 * and would end as if all were well.
 */
import { inspect } from 'node:util'

/** An error as it is; anything else as the cause of one. Never throws, whatever it is given. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(described(thrown), { cause: thrown })
}

/** The reason of a signal, if it is an error; else an AbortError as Node's, with the reason as its cause. */
export function asAbortError(reason: unknown): Error {
  if (isError(reason)) return reason
  const error = new Error('The operation was aborted', { cause: reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}

function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error
  } catch {
    // A proxy may refuse to be looked at.
    return false
  }
}

function described(thrown: unknown): string {
  try {
    return inspect(thrown)
  } catch {
    return 'something that cannot be described'
  }
}
