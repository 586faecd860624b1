/** Heap memory behind the interface of a mapping: released, it is detached at once, and freed a little later. */
import { Queue } from '../queue.js'
import type { Mapping } from './mapper.js'

/** Newer than Node 20: moves the memory. */
type Transferable = ArrayBuffer & { transfer?(): ArrayBuffer }

/** No more than so many buffers rest, */
const MAX_COUNT = 64
/** nor more than so many bytes: two windows of the default size. One that is larger by itself does not rest. */
const MAX_BYTES = 32 * 1024 * 1024

/** Makes the private fields of a class that extends it those of an object that is there already. */
class Given {
  constructor(given: object) {
    // biome-ignore lint/correctness/noConstructorReturn: `this` in what extends it
    return given
  }
}

/**
 * A detached buffer with the memory it had: the collector frees that no sooner than it takes the buffer.
 *
 * A WeakMap does the same; but as all small files come by here, making its entries and following them at each collection
 * took a tenth of the time of walking them.
 */
export class Detached extends Given {
  readonly #memory: ArrayBuffer

  /** @param buffer once */
  constructor(buffer: ArrayBuffer, memory: ArrayBuffer) {
    super(buffer)
    this.#memory = memory
  }

  /** The memory of a buffer that was detached here. */
  static memoryOf(buffer: ArrayBuffer): ArrayBuffer | undefined {
    return #memory in buffer ? buffer.#memory : undefined
  }
}

/**
 * Memory of released buffers, at rest for a while.
 *
 * A native reader that someone forgot to await (zlib on the thread pool, a queued write) holds an address that
 * detaching does not take from it. Freed memory there would crash it or show it what was put there next. So memory
 * stays while some more are released, for those that keep an address alone, and as long as the detached buffer itself
 * is in reach: all of Node that has taken an address from a Buffer keeps that Buffer while it reads. It is not zeroed,
 * nor used again: what a late reader finds are the bytes it was given, which is the best it could find, and zeroing
 * would cost as much as half the reading.
 */
export class RestingMemory {
  readonly #queue = new Queue<ArrayBuffer>()
  /** Of buffers that somebody froze: engines may refuse them private fields. */
  readonly #frozen = new WeakMap<ArrayBuffer, ArrayBuffer>()
  #bytes = 0

  /** Detach `buffer` and let its memory rest. Every view of it has length 0 from here on. Idempotent. */
  detach(buffer: ArrayBuffer): void {
    if (buffer.byteLength === 0) return
    const moved = move(buffer)
    if (Object.isExtensible(buffer)) new Detached(buffer, moved)
    else this.#frozen.set(buffer, moved)
    this.#queue.push(moved)
    this.#bytes += moved.byteLength
    while (this.#queue.length > MAX_COUNT || this.#bytes > MAX_BYTES) this.#leave()
  }

  /** Bytes at rest. */
  get bytes(): number {
    return this.#bytes
  }

  /** Buffers at rest. */
  get count(): number {
    return this.#queue.length
  }

  /** Leave all that rests to the collector. */
  drain(): void {
    while (this.#queue.length > 0) this.#leave()
  }

  /** The collector has the memory from here on. */
  #leave(): void {
    this.#bytes -= this.#queue.shift()?.byteLength ?? 0
  }
}

/** Of a copy nothing is lost: this never moves, so nobody has to ask. */
const NO_LOSSES = new Uint32Array(1)

/** Bytes on the heap, in an ArrayBuffer of their own. */
export class HeapMapping implements Mapping {
  readonly buffer: ArrayBuffer
  readonly copied = true
  readonly losses = NO_LOSSES
  readonly #resting: RestingMemory

  constructor(buffer: ArrayBuffer, resting: RestingMemory) {
    this.buffer = buffer
    this.#resting = resting
  }

  unmap(): number {
    this.#resting.detach(this.buffer)
    return -1
  }

  fault(): number {
    return -1
  }

  readonly forget = nothingLeft
}

/** What the collector has taken from the heap is gone. */
function nothingLeft(): void {}

function move(buffer: Transferable): ArrayBuffer {
  return buffer.transfer ? buffer.transfer() : structuredClone(buffer, { transfer: [buffer] })
}
