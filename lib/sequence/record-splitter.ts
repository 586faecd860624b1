/**
 * Windows into records.
 */
import { Buffer } from 'node:buffer'
import { SlidemapError } from '../errors.js'
import { Carry } from './carry.js'
import type { RecordTable } from './framing.js'
import type { RecordPlan } from './record-plan.js'
import type { Splitter, Stretch, Unfinished } from './splitter.js'

/** Records of a batch at the most. */
const BATCH_RECORDS = 8192

/** Bytes of a batch at the most, unless one record is longer: searching through them keeps nobody waiting. */
const BATCH_BYTES = 2 ** 20

/** Copied ones are kept, and each keeps the whole batch. */
const COPIED_BATCH_BYTES = 64 * 1024

const NOTHING = Buffer.alloc(0)

/**
 * One record.
 *
 * Leased (the default), it is valid until the next record is asked for; afterwards `bytes` throws ERR_MAP_RELEASED, or
 * is empty if it was taken before.
 */
export interface MapRecord {
  /** Where `bytes` begins, in bytes from the start of the file. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
  /** A Buffer over exactly these bytes, made anew by each access; without delimiter or length prefix. */
  readonly bytes: Buffer
}

class BatchedRecord implements MapRecord {
  readonly offset: number
  readonly length: number
  readonly #batch: RecordBatch

  constructor(batch: RecordBatch, start: number, end: number) {
    this.offset = batch.offset + start
    this.length = end - start
    this.#batch = batch
  }

  get bytes(): Buffer {
    const { bytes, offset } = this.#batch
    // No batch is made of nothing: it is gone.
    if (bytes.length === 0) {
      throw new SlidemapError('ERR_MAP_RELEASED', `the record at ${this.offset} was released`, {
        offset: this.offset,
        length: this.length
      })
    }
    const start = this.offset - offset
    return bytes.subarray(start, start + this.length)
  }
}

/**
 * Several records at once: record i is `bytes.subarray(starts[i], ends[i])`, and begins at `offset + starts[i]` in the
 * file. Iterating makes a {@link MapRecord} of each, which costs more than finding it did.
 *
 * Leased (the default), it is valid until the next batch is asked for, its arrays included.
 */
export class RecordBatch implements Iterable<MapRecord> {
  /** Where `bytes` begins, in bytes from the start of the file. */
  readonly offset: number
  /** What the records are in, delimiters or length prefixes included. */
  readonly bytes: Buffer
  /** Records, 1 or more. */
  readonly length: number
  /** Index in `bytes` of the first byte of each record. */
  readonly starts: Uint32Array
  /** Index in `bytes` after the last byte of each record. */
  readonly ends: Uint32Array

  /** @internal */
  constructor(offset: number, bytes: Buffer, { starts, ends, count }: RecordTable) {
    this.offset = offset
    this.bytes = bytes
    this.length = count
    this.starts = count === starts.length ? starts : starts.subarray(0, count)
    this.ends = count === ends.length ? ends : ends.subarray(0, count)
  }

  /** One record; undefined past the last. */
  at(index: number): MapRecord | undefined {
    const start = this.starts[index]
    return start === undefined ? undefined : new BatchedRecord(this, start, this.ends[index] as number)
  }

  *[Symbol.iterator](): IterableIterator<MapRecord> {
    for (let i = 0; i < this.length; i++) yield this.at(i) as MapRecord
  }
}

export class RecordSplitter implements Splitter<RecordBatch> {
  readonly satisfied = false
  readonly #plan: RecordPlan
  readonly #onCopy: (bytes: number) => void
  #stretch: Stretch | undefined
  #table = newTable()
  #bytes: Buffer = NOTHING
  /** Where the window at hand begins. */
  #offset = 0
  /** Index in the window of what has not been taken. */
  #at = 0
  readonly #carry = new Carry()
  /** Where the next record begins; unknown until the first window. */
  #next: number
  #last: RecordBatch | undefined

  /**
   * @param start where the first record begins
   * @param onCopy told how many bytes were copied
   */
  constructor(plan: RecordPlan, start: number, stretch: Stretch, onCopy: (bytes: number) => void) {
    this.#plan = plan
    this.#next = start
    this.#stretch = stretch
    this.#onCopy = onCopy
  }

  get reached(): number {
    return this.#offset + this.#at
  }

  nextStretch(): Stretch | undefined {
    const stretch = this.#stretch
    this.#stretch = undefined
    return stretch
  }

  feed(offset: number, bytes: Buffer): void {
    this.#at = this.#next + this.#carry.length - offset
    this.#offset = offset
    this.#bytes = bytes
  }

  take(): RecordBatch | undefined {
    const last = this.#last
    this.#last = undefined
    if (last || this.#at >= this.#bytes.length) return last
    return this.#carry.length > 0 ? this.#takeCarried() : this.#takeWhole()
  }

  get unfinished(): Unfinished | undefined {
    // What was begun to be assembled goes on being assembled.
    if (this.#carry.length > 0 || this.#at >= this.#bytes.length) return undefined
    const length = this.#plan.framing.needed(this.#bytes.subarray(this.#at), this.#next)
    return { offset: this.#next, length }
  }

  slide(): void {
    this.#bytes = NOTHING
    this.#at = 0
  }

  keep(): void {
    const rest = this.#bytes.subarray(this.#at)
    this.#onCopy(rest.length)
    this.#carry.push(rest)
    this.slide()
    this.#plan.framing.check(this.#carry.length, this.#next)
  }

  end(): void {
    if (this.#carry.length === 0) return
    const bytes = this.#carry.join(NOTHING)
    const table = newTable(1)
    table.ends[0] = this.#plan.framing.last(bytes, this.#next)
    table.count = 1
    this.#last = new RecordBatch(this.#next, bytes, table)
    this.#next += bytes.length
  }

  /** The record that began in another window. */
  #takeCarried(): RecordBatch | undefined {
    const { framing } = this.#plan
    const end = framing.complete(this.#carry, this.#bytes, this.#at, this.#offset)
    if (end === -1) return undefined
    const more = this.#bytes.subarray(this.#at, end)
    this.#onCopy(more.length)
    const bytes = this.#carry.join(more)
    const offset = this.#next
    this.#at = end
    this.#next = offset + bytes.length
    const table = newTable(1)
    framing.frame(bytes, offset, table, 1)
    return new RecordBatch(offset, bytes, table)
  }

  /** As many records as a batch holds of those that are in this window. */
  #takeWhole(): RecordBatch | undefined {
    const rest = this.#bytes.subarray(this.#at)
    const table = this.#plan.copied ? newTable() : this.#table
    const most = this.#plan.copied ? COPIED_BATCH_BYTES : BATCH_BYTES
    const { framing } = this.#plan
    let length = framing.frame(rest.subarray(0, most), this.#next, table, BATCH_RECORDS)
    // One that is longer than that is a batch of its own.
    if (length === 0 && rest.length > most) length = framing.frame(rest, this.#next, table, 1)
    if (length === 0) return undefined
    const offset = this.#next
    this.#at += length
    this.#next += length
    return new RecordBatch(offset, this.#lend(rest.subarray(0, length)), table)
  }

  #lend(bytes: Buffer): Buffer {
    if (!this.#plan.copied) return bytes
    this.#onCopy(bytes.length)
    const copy = Buffer.allocUnsafeSlow(bytes.length)
    bytes.copy(copy)
    return copy
  }
}

function newTable(records = BATCH_RECORDS): RecordTable {
  return { starts: new Uint32Array(records), ends: new Uint32Array(records), count: 0 }
}
