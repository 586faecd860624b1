import { setMaxListeners } from 'node:events'

/** The error that a promise rejects with; fails if it does not. */
export async function failure(promise: Promise<unknown> | undefined): Promise<Error & { code?: string }> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error as Error
  }
  throw new Error(`it did not reject, but came to ${String(value)}`)
}

/** What a call throws; fails if it does not. */
export function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('it did not throw')
}

/** A controller whose signal Node lets many listen to. */
export function stopOfMany(): AbortController {
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  return stop
}
