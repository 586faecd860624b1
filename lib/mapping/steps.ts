/**
 * One text for a job and its synchronous twin: the job is a generator that yields its system calls, and whoever
 * drives it makes them on this thread or on the thread pool.
 */

/** One call that can be made either way. */
export interface Step<T> {
  sync(): T
  async(): Promise<T>
}

/** A job in steps: yields calls, is given their results (or their errors, thrown at the `yield`), returns a `T`. */
// biome-ignore lint/suspicious/noExplicitAny: what is given back is of the type of the step that was yielded.
export type Steps<T> = Generator<Step<unknown>, T, any>

/** Yield a step and get its result: `const fd = yield* take(open(path))`. */
export function* take<T>(step: Step<T>): Steps<T> {
  return (yield step) as T
}

/** Do a job with its calls made off this thread. */
export async function runAsync<T>(job: Steps<T>): Promise<T> {
  let next = job.next()
  while (!next.done) {
    let result: unknown
    try {
      result = await next.value.async()
    } catch (error) {
      next = job.throw(error)
      continue
    }
    next = job.next(result)
  }
  return next.value
}

/** Do a job on this thread, from beginning to end. */
export function runSync<T>(job: Steps<T>): T {
  let next = job.next()
  while (!next.done) {
    let result: unknown
    try {
      result = next.value.sync()
    } catch (error) {
      next = job.throw(error)
      continue
    }
    next = job.next(result)
  }
  return next.value
}
