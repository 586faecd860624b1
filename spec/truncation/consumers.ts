/**
 * Whoever can read a file, each in its own way, touching every byte and saying what it saw.
 */
import { Writable } from 'node:stream'
import type { Concatenation, MappedFile, Window } from '../../lib/index.js'
import type { Filling, Trial } from './trial.js'

export interface Reader {
  /** What it goes by: `windows`, `lines` ... */
  readonly name: string
  readonly lifetime: 'leased' | 'copied'
  readonly fillings: readonly Filling[]
  /** Read all of it; rejects where that fails. */
  run(trial: Trial): Promise<void> | void
}

type Sequence = Pick<MappedFile, 'stream' | 'nodeStream' | 'webStream' | 'lines' | 'records' | 'pipeTo'> & {
  windows(options?: object): AsyncIterable<Window>
}
type Lifetime = 'leased' | 'copied'

const BYTES: readonly Filling[] = ['dense', 'dense', 'holes']
const LIFETIMES: readonly Lifetime[] = ['leased', 'copied']

async function walk(trial: Trial, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let at = 0
  for await (const chunk of chunks) {
    trial.lent(at, chunk)
    at += chunk.length
    trial.step()
  }
  trial.end(at)
}

async function windows(trial: Trial, of: Sequence, options: object): Promise<void> {
  let at = 0
  const retained: Window[] = []
  for await (const window of of.windows({ size: trial.window, ...options })) {
    trial.step()
    if (window.offset > at) trial.same(at, 'the next window', window.offset, at)
    if (window.lifetime === 'copied') trial.own(window.offset, window.bytes)
    else trial.lent(window.offset, window.bytes)
    at = window.offset + window.length
    // Some let go by themselves, and some late.
    const how = trial.dice.below(8)
    // What is retained counts in the limit: this one would wait for itself.
    if (how === 0 && retained.length < 2) retained.push(window.retain())
    else if (how === 1) window.release()
    trial.step()
  }
  trial.end(at)
  for (const window of retained) window.release()
}

async function webBytes(trial: Trial, of: Sequence): Promise<void> {
  const reader = of.webStream({ size: trial.window }).getReader({ mode: 'byob' })
  let at = 0
  let buffer: ArrayBuffer = new ArrayBuffer(3000)
  for (;;) {
    trial.step()
    const { done, value } = await reader.read(new Uint8Array(buffer))
    if (done || value === undefined) break
    trial.lent(at, value)
    at += value.length
    buffer = value.buffer as ArrayBuffer
  }
  trial.end(at)
}

async function lines(trial: Trial, of: Sequence, options: object): Promise<void> {
  let at = 0
  for await (const line of of.lines(options)) {
    trial.own(at, Buffer.from(line))
    at += line.length + 1
    if (at % 7 === 0) trial.step()
  }
  trial.end(trial.past(at))
}

async function reverseLines(trial: Trial): Promise<void> {
  let place = trial.size
  const limit = trial.dice.of([1, 5, Number.POSITIVE_INFINITY])
  const options = { reverse: true, size: trial.window, limit, offsets: true } as const
  for await (const { line, offset } of trial.file.lines(options)) {
    trial.own(offset, Buffer.from(line))
    // Between two lines there is one byte, and after the last one perhaps.
    const gap = place - offset - Buffer.byteLength(line)
    if (gap > 1 || gap < 0) trial.same(offset, 'what lies after the line', gap, 1)
    place = offset
    if (offset % 7 === 0) trial.step()
  }
  if (limit === Number.POSITIVE_INFINITY) trial.end(place, 0)
}

/** Texts that end with a null byte look like what a cut leaves. */
async function limitedLines(trial: Trial, of: Sequence): Promise<void> {
  const limit = 1 + trial.dice.below(200)
  const seen: string[] = []
  const options = { delimiter: '\0', limit, size: trial.window }
  for await (const line of of.lines(options)) {
    seen.push(line)
    if (seen.length % 9 === 0) trial.step()
  }
  trial.texts(seen, limit)
}

async function records(
  trial: Trial,
  of: Sequence,
  framing: { recordSize: number; lifetime: Lifetime }
): Promise<void> {
  for await (const { offset, bytes } of of.records({ size: trial.window, ...framing })) {
    trial.lent(offset, bytes)
    if (offset % 5 === 0) trial.step()
  }
  trial.settle()
}

async function nulRecords(trial: Trial, of: Sequence, lifetime: Lifetime): Promise<void> {
  const seen: string[] = []
  for await (const { bytes } of of.records({ size: trial.window, delimiter: 0, lifetime })) {
    seen.push(bytes.toString('latin1'))
    if (seen.length % 9 === 0) trial.step()
  }
  trial.texts(seen)
}

async function pipe(trial: Trial, of: Sequence, lifetime: Lifetime): Promise<void> {
  let at = 0
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      trial.lent(at, chunk)
      at += chunk.length
      trial.step()
      setImmediate(done)
    }
  })
  await of.pipeTo(sink, { size: trial.window, chunkSize: 3000, lifetime })
  trial.end(at)
}

function cursor(trial: Trial): void {
  using cursor = trial.file.cursor()
  for (let i = 0; i < 20; i++) {
    const at = trial.dice.below(trial.size)
    cursor.use(at, 1 + trial.dice.below(6000))
    trial.step()
    see(trial, cursor)
    trial.step()
    if (trial.dice.below(4) === 0) {
      cursor.unuse()
      trial.settle()
    }
  }
  cursor.unuse()
  trial.settle()
}

/** What a cursor shows; what was shown before has been told of, if anything was wrong with it. */
function see(trial: Trial, cursor: { offset: number; bytes: Buffer }): void {
  trial.settle()
  trial.lent(cursor.offset, cursor.bytes)
}

async function loads(trial: Trial): Promise<void> {
  using cursor = trial.file.cursor()
  for (let i = 0; i < 10; i++) {
    await cursor.load(trial.dice.below(trial.size), 1 + trial.dice.below(6000))
    see(trial, cursor)
    trial.step()
    if (trial.dice.below(4) > 0) continue
    const clone = cursor.clone()
    trial.step()
    cursor.unuse()
    trial.settle()
    trial.lent(clone.offset, clone.bytes)
    clone[Symbol.dispose]()
    trial.settle()
  }
  cursor.unuse()
  trial.settle()
}

function buffer(trial: Trial): void {
  const { file, content, size, dice } = trial
  using buffer = file.buffer()
  for (let i = 0; i < 25; i++) {
    const at = dice.below(size)
    const end = Math.min(size, at + 1 + dice.below(6000))
    trial.step()
    switch (dice.below(11)) {
      case 0:
        trial.same(at, 'at()', buffer.at(at), content[at])
        break
      case 1:
        if (at + 4 <= size) trial.same(at, 'a number', buffer.readUInt32LE(at), content.readUInt32LE(at))
        break
      case 2:
        if (at + 8 <= size) trial.same(at, 'a number', buffer.readDoubleBE(at), content.readDoubleBE(at))
        break
      case 3:
        trial.own(at, buffer.slice(at, end))
        break
      case 4: {
        const target = Buffer.alloc(end - at)
        buffer.copy(target, 0, at, end)
        trial.own(at, target)
        break
      }
      case 5:
        trial.same(at, 'equals()', file.buffer(at, end - at).equals(content.subarray(at, end)), true)
        break
      case 6: {
        const needle = content.subarray(at, Math.min(end, at + 5))
        trial.same(at, 'indexOf()', buffer.indexOf(needle, at), at)
        break
      }
      case 7: {
        const byte = content[at] as number
        trial.same(at, 'lastIndexOf()', buffer.lastIndexOf(byte, at), at)
        break
      }
      case 8:
        trial.same(at, 'indexOf(0)', buffer.indexOf(0, at), content.indexOf(0, at))
        break
      case 9: {
        let from = at
        for (const byte of file.buffer(at, Math.min(500, size - at)))
          trial.same(from, 'a byte', byte, content[from++])
        break
      }
      case 10: {
        const window = buffer.subarray(at, end)
        if (window.lifetime === 'copied') trial.own(at, window.bytes)
        else trial.lent(at, window.bytes)
        trial.step()
        window.release()
        trial.settle()
        break
      }
    }
  }
}

function leases(trial: Trial): void {
  using buffer = trial.file.buffer()
  for (let i = 0; i < 15; i++) {
    const at = trial.dice.below(trial.size)
    const window = buffer.lease(at, 1 + trial.dice.below(12_000))
    trial.step()
    trial.lent(at, window.bytes)
    trial.step()
    window.release()
    trial.settle()
  }
}

async function reads(trial: Trial): Promise<void> {
  for (let i = 0; i < 8; i++) {
    const at = trial.dice.below(trial.size)
    const length = trial.dice.below(10_000)
    if (trial.dice.below(3) === 0) {
      using cursor = trial.file.cursor()
      await cursor.load(at)
    }
    const reading = trial.file.read(at, length)
    trial.step()
    trial.own(at, await reading)
  }
}

function windowsSync(trial: Trial, lifetime: Lifetime): void {
  let at = 0
  for (const window of trial.file.windowsSync({ size: trial.window, lifetime })) {
    trial.step()
    if (lifetime === 'copied') trial.own(window.offset, window.bytes)
    else trial.lent(window.offset, window.bytes)
    at = window.offset + window.length
    trial.step()
  }
  trial.end(at)
}

function linesSync(trial: Trial): void {
  let at = 0
  for (const line of trial.file.linesSync({ size: trial.window })) {
    trial.own(at, Buffer.from(line))
    at += line.length + 1
    if (at % 7 === 0) trial.step()
  }
  trial.end(trial.past(at))
}

/** Walks that a file and a concatenation have in common. */
function sequences(prefix: string, of: (trial: Trial) => Sequence): Reader[] {
  const named = (name: string, lifetime: Lifetime, run: Reader['run'], fillings = BYTES): Reader => ({
    name: `${prefix}${name}`,
    lifetime,
    fillings,
    run
  })
  return LIFETIMES.flatMap(lifetime => [
    named('windows', lifetime, t => windows(t, of(t), { lifetime })),
    named('stream', lifetime, t => walk(t, of(t).stream({ size: t.window, chunkSize: 3000, lifetime }))),
    named('nodeStream', lifetime, t =>
      walk(t, of(t).nodeStream({ size: t.window, chunkSize: 3000, lifetime }))
    ),
    named('pipeTo', lifetime, t => pipe(t, of(t), lifetime)),
    named('records', lifetime, t => records(t, of(t), { recordSize: t.dice.of(t.divisors), lifetime })),
    named('records', lifetime, t => nulRecords(t, of(t), lifetime), ['nul']),
    ...(lifetime === 'leased'
      ? []
      : [
          named('webStream', lifetime, t => walk(t, of(t).webStream({ size: t.window, chunkSize: 3000 }))),
          named('webStream', lifetime, t => webBytes(t, of(t))),
          named('lines', lifetime, t => lines(t, of(t), { size: t.window }), ['text']),
          named('lines', lifetime, t => limitedLines(t, of(t)), ['nul'])
        ])
  ])
}

/** Its bytes as those of a concatenation, which opens the file once more, and it may have been cut by then. */
function within(trial: Trial): Concatenation<string> {
  return trial.manager.concat([trial.path], { smallFileSize: trial.dice.of([0, 0, 20_000, 100_000]) })
}

export const readers: readonly Reader[] = [
  ...sequences('', trial => trial.file),
  ...sequences('concat ', trial => within(trial) as unknown as Sequence),
  ...LIFETIMES.flatMap((lifetime): Reader[] => [
    {
      name: 'windows',
      lifetime,
      fillings: BYTES,
      run: t => windows(t, t.file, { lifetime, overlap: t.dice.below(Math.min(t.window, 5000)) })
    },
    { name: 'windowsSync', lifetime, fillings: BYTES, run: t => windowsSync(t, lifetime) }
  ]),
  { name: 'lines', lifetime: 'copied', fillings: ['text'], run: reverseLines },
  { name: 'linesSync', lifetime: 'copied', fillings: ['text'], run: linesSync },
  { name: 'cursor', lifetime: 'leased', fillings: BYTES, run: cursor },
  { name: 'cursor', lifetime: 'leased', fillings: BYTES, run: loads },
  { name: 'buffer', lifetime: 'copied', fillings: [...BYTES, 'nul'], run: buffer },
  { name: 'buffer', lifetime: 'leased', fillings: BYTES, run: leases },
  { name: 'read', lifetime: 'copied', fillings: BYTES, run: reads }
]
