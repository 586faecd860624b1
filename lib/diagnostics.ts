/**
 * What happens inside, told on `node:diagnostics_channel`. Nothing is computed for a channel that nobody listens to.
 *
 * | channel | when | message |
 * |---|---|---|
 * | `slidemap:map` | a range has been mapped | {@link RangeMessage} |
 * | `slidemap:unmap` | a mapping has gone, whoever let it go | {@link RangeMessage} |
 * | `slidemap:evict` | one is given up, to make room or since its file has changed; its `unmap` follows | {@link RangeMessage} |
 * | `slidemap:wait` | a request begins to wait for a limit | {@link WaitMessage} |
 * | `slidemap:fault` | bytes under a mapping were lost and read as zeros | {@link FaultMessage} |
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * subscribe('slidemap:wait', message => console.warn('slidemap waits', message))
 * ```
 */
import { type Channel, channel } from 'node:diagnostics_channel'
import type { Range } from './range.js'

/** One mapping. */
export interface RangeMessage {
  /** The file, where it was opened by a path. */
  path: string | undefined
  /** Bytes from the start of the file. */
  offset: number
  /** Bytes that can be read. */
  length: number
  /** Bytes that it takes of `maxMappedBytes`: whole pages. */
  bytes: number
}

/** A request that has to wait. */
export interface WaitMessage {
  /** The limit that is reached. */
  limit: 'maxMappedBytes' | 'maxHandles'
  /** What is asked for: bytes, or handles. */
  amount: number
  /** What is held by now, of the same. */
  held: number
  /** Requests waiting before this one. */
  waiters: number
}

/** Bytes that are no more. */
export interface FaultMessage {
  /** The file, where it was opened by a path. */
  path: string | undefined
  /** The first byte lost, from the start of the file. */
  offset: number
}

const map = channel('slidemap:map')
const unmap = channel('slidemap:unmap')
const evict = channel('slidemap:evict')
const wait = channel('slidemap:wait')
const fault = channel('slidemap:fault')

/** A range has been mapped. */
export function tellMap(path: string | undefined, range: Range, bytes: number): void {
  tellRange(map, path, range, bytes)
}

/** A mapping has gone. */
export function tellUnmap(path: string | undefined, range: Range, bytes: number): void {
  tellRange(unmap, path, range, bytes)
}

/** A mapping is given up, that another one may have its room. */
export function tellEvict(path: string | undefined, range: Range, bytes: number): void {
  tellRange(evict, path, range, bytes)
}

/** A request has begun to wait, and is in the queue. */
export function tellWait(
  limit: WaitMessage['limit'],
  amount: number,
  budget: { readonly held: number; readonly waiters: number }
): void {
  if (!wait.hasSubscribers) return
  const { held, waiters } = budget
  // Itself not counted.
  wait.publish({ limit, amount, held, waiters: waiters - 1 } satisfies WaitMessage)
}

/** Bytes were lost under a mapping. */
export function tellFault(path: string | undefined, offset: number): void {
  if (fault.hasSubscribers) fault.publish({ path, offset } satisfies FaultMessage)
}

function tellRange(to: Channel, path: string | undefined, { offset, length }: Range, bytes: number): void {
  if (to.hasSubscribers) to.publish({ path, offset, length, bytes } satisfies RangeMessage)
}
