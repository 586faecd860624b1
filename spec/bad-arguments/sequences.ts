/** The rows of what files and concatenations have in common: windows, streams, lines and records. */
import { Writable } from 'node:stream'
import { type Any, type Bench, optionRows, type Row, SIZE } from './row.js'
import * as take from './takes.js'
import type { Takes } from './takes.js'

const unsupported = { codes: () => ['ERR_MAP_UNSUPPORTED'] }

/** The options of `windows()`, of the file and of the concatenation. */
export const range = { start: take.integer(0, Number.MAX_SAFE_INTEGER, SIZE), end: take.integerOrInfinity(0) }
export const ofWindows = {
  ...range,
  size: take.integerOrInfinity(1),
  overlap: take.integer(0, 2 ** 24 - 1),
  lifetime: take.oneOf('leased', 'copied'),
  prefetch: take.integer(0, 1024),
  dropBehind: take.boolean,
  signal: take.signal,
  follow: take.follow
}
const never = (takes: Takes): Takes => ({
  right: value => !value && takes.right(value),
  codes: value => (takes.right(value) ? unsupported.codes() : takes.codes(value))
})
export const ofConcatWindows = {
  ...ofWindows,
  start: take.integer(0),
  overlap: never(take.integer(0)),
  follow: never(take.follow)
}

type WindowTakes = typeof ofWindows

function streamTakes(windows: WindowTakes) {
  return { ...windows, chunkSize: take.integer(1) }
}

function lineTakes({ start, end, size, prefetch, signal, follow }: WindowTakes) {
  return {
    start,
    end,
    size,
    prefetch,
    signal,
    follow,
    encoding: take.oneOf('utf8', 'latin1', 'utf16le'),
    delimiter: take.text,
    keepDelimiter: take.boolean,
    offsets: take.boolean,
    limit: take.integerOrInfinity(0),
    reverse: take.boolean,
    maxLineBytes: take.integer(1, 2 ** 29 - 24)
  }
}

const longest = 128 * 2 ** 20
const prefix = { lengthPrefix: 4 }
const header = { headerSize: 4, lengthOf: () => 4 }

/** How records are framed: the option under test, and those that have to be there with it. */
const framings: [takes: Record<string, Takes>, besides: object][] = [
  [{ recordSize: take.integer(1, longest) }, {}],
  [{ delimiter: take.delimiter }, {}],
  [{ lengthPrefix: take.oneOfNumbers(1, 2, 4, 8) }, {}],
  [{ endian: take.oneOf('le', 'be'), includesPrefix: take.boolean }, prefix],
  [{ headerSize: take.integer(1, longest), lengthOf: take.callback }, header]
]

function recordRows(call: string, windows: WindowTakes, run: (options: Any, bench: Bench) => unknown): Row[] {
  const { start, end, size, lifetime, prefetch, signal } = windows
  const common = {
    start,
    end,
    size,
    lifetime,
    prefetch,
    signal,
    maxRecordBytes: take.integer(1, 2 ** 31 - 1)
  }
  return [
    ...optionRows(call, 'throws', common, run, { recordSize: 1 }),
    ...framings.flatMap(([takes, besides]) => optionRows(call, 'throws', takes, run, besides).slice(1)),
    {
      call,
      way: 'rejects at next',
      argument: 'lengthOf(header) at offset 0',
      takes: {
        right: take.integer(4, longest).right,
        codes: value =>
          Number.isInteger(value) && (value as number) > longest
            ? ['ERR_MAP_RECORD_TOO_LONG']
            : take.integer(4, longest).codes(value)
      },
      run: (value, bench) => run({ headerSize: 4, lengthOf: () => value }, bench)
    }
  ]
}

function sink(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}

/** What files and concatenations have in common. */
export function sequenceRows(of: string, windows: WindowTakes, pick: (bench: Bench) => Any): Row[] {
  const streams = streamTakes(windows)
  const call = (name: string) => (options: Any, bench: Bench) => pick(bench)[name](options)
  const { lifetime: _, ...webStreams } = streams
  return [
    ...optionRows(`${of}.windows`, 'throws', windows, call('windows')),
    ...optionRows(`${of}.stream`, 'throws', streams, call('stream')),
    ...optionRows(`${of}.nodeStream`, 'throws', streams, call('nodeStream')),
    ...optionRows(
      `${of}.webStream`,
      'throws',
      { ...webStreams, lifetime: take.oneOf('copied') },
      call('webStream')
    ),
    ...optionRows(`${of}.lines`, 'throws', lineTakes(windows), call('lines')),
    ...optionRows(`${of}.lineBatches`, 'throws', lineTakes(windows), call('lineBatches')),
    ...recordRows(`${of}.records`, windows, call('records')),
    ...recordRows(`${of}.recordBatches`, windows, call('recordBatches')),
    {
      call: `${of}.pipeTo`,
      way: 'rejects',
      argument: 'writable',
      takes: take.writable,
      run: (value, bench) => pick(bench).pipeTo(value)
    },
    ...optionRows(
      `${of}.pipeTo`,
      'rejects',
      { ...streams, preventClose: take.boolean, preventAbort: take.boolean, onProgress: take.callback },
      (options, bench) => pick(bench).pipeTo(sink(), options)
    )
  ]
}

/** How to follow, which is an object among the options. */
export function followRows(call: string, run: (options: Any, bench: Bench) => unknown): Row[] {
  const takes = { restart: take.boolean, intervalMs: take.integer(1, 86_400_000) }
  return optionRows(
    call,
    'throws',
    takes,
    (follow, bench) => run({ follow }, bench),
    {},
    'options.follow'
  ).slice(1)
}

export function syncRows(): Row[] {
  const { start, end, size, overlap, lifetime } = ofWindows
  const { prefetch: _, signal: __, follow: ___, ...ofLines } = lineTakes(ofWindows)
  return [
    ...optionRows(
      'MappedFile.windowsSync',
      'throws',
      { start, end, size, overlap, lifetime },
      (options, { file }) => file.windowsSync(options)
    ),
    ...optionRows('MappedFile.linesSync', 'throws', ofLines, (options, { file }) => file.linesSync(options)),
    ...optionRows('MappedFile.lineBatchesSync', 'throws', ofLines, (options, { file }) =>
      file.lineBatchesSync(options)
    )
  ]
}
