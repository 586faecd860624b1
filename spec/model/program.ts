/**
 * Programs: what can be done with a manager, its files and what they are read by, in any order. They read as text, so
 * that one that fails can be understood.
 */
import fc from 'fast-check'

/** A place or a size: so many pages, and a little more or less. */
export interface Length {
  readonly pages: number
  readonly extra: number
}

export type Kind =
  | 'windows'
  | 'copied windows'
  | 'stream'
  | 'leased stream'
  | 'nodeStream'
  | 'webStream'
  | 'lines'
  | 'reverse lines'
  | 'records'
  | 'delimited records'

export interface WalkOptions {
  readonly kind: Kind
  readonly start: Length
  readonly length: Length
  readonly size: Length
  readonly overlap: Length
  readonly prefetch: number
}

/** What other programs do to a file. */
export interface Change {
  readonly do: 'truncate' | 'append' | 'replace' | 'overwrite'
  readonly path: number
  readonly at: Length
  readonly length: Length
}

/** Slots are numbers: the n-th of those that there are, counted round. */
export type Command =
  | { do: 'open'; path: number }
  | { do: 'refresh' | 'close' | 'cursor'; file: number }
  | { do: 'read'; file: number; at: Length; length: Length }
  | { do: 'use' | 'load'; cursor: number; at: Length; length: Length }
  | { do: 'unuse' | 'clone' | 'dispose' | 'look'; cursor: number }
  | { do: 'buffer'; file: number; at: Length; length: Length }
  | { do: 'at' | 'number' | 'find' | 'find back'; buffer: number; at: Length }
  | { do: 'slice' | 'lease' | 'subarray'; buffer: number; at: Length; length: Length }
  | { do: 'look at lease' | 'release'; lease: number }
  | { do: 'walk'; file: number; how: WalkOptions }
  | { do: 'concat'; paths: readonly number[]; small: boolean; how: WalkOptions }
  | { do: 'next' | 'leave' | 'abort' | 'retain'; walk: number }
  | { do: 'pipe'; file: number; size: Length; leased: boolean }
  | { do: 'collect' }
  | { do: 'unmap'; path: number }
  | Change
  | { do: 'let go'; count: number }
  | { do: 'wait' }
  | { do: 'close all' }

/** What a manager is made with. */
export interface Limits {
  /** Pages. */
  readonly mapped: number
  readonly handles: number
  /** Pages. */
  readonly window: number
  readonly prefetch: number
  readonly concurrency: number
}

export interface Program {
  readonly limits: Limits
  /** Of the files. */
  readonly sizes: readonly Length[]
  readonly commands: readonly Command[]
}

const slot = fc.nat(3)
const length = fc.record({
  pages: fc.oneof(fc.nat(2), fc.nat(10)),
  extra: fc.constantFrom(0, 0, 1, -1, 3, 9)
})
const how: fc.Arbitrary<WalkOptions> = fc.record({
  kind: fc.constantFrom<Kind>(
    'windows',
    'windows',
    'copied windows',
    'stream',
    'leased stream',
    'nodeStream',
    'webStream',
    'lines',
    'reverse lines',
    'records',
    'delimited records'
  ),
  start: fc.oneof(fc.constant({ pages: 0, extra: 0 }), length),
  length: fc.oneof(fc.constant({ pages: 99, extra: 0 }), length),
  size: fc.record({ pages: fc.nat(4), extra: fc.constantFrom(0, 0, 0, 1, -1, 5) }),
  overlap: fc.record({ pages: fc.nat(1), extra: fc.constantFrom(0, 0, 2) }),
  prefetch: fc.nat(3)
})

function having<D extends Command['do']>(...names: D[]) {
  return fc.constantFrom(...names)
}

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: having('open'), path: slot }) },
  { weight: 2, arbitrary: fc.record({ do: having('refresh', 'close', 'cursor', 'cursor'), file: slot }) },
  { weight: 2, arbitrary: fc.record({ do: having('read'), file: slot, at: length, length }) },
  { weight: 5, arbitrary: fc.record({ do: having('use', 'use', 'load'), cursor: slot, at: length, length }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: having('unuse', 'clone', 'dispose', 'look', 'look'), cursor: slot })
  },
  { weight: 1, arbitrary: fc.record({ do: having('buffer'), file: slot, at: length, length }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: having('at', 'number', 'find', 'find back'), buffer: slot, at: length })
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: having('slice', 'lease', 'subarray'), buffer: slot, at: length, length })
  },
  { weight: 3, arbitrary: fc.record({ do: having('look at lease', 'release', 'release'), lease: slot }) },
  { weight: 4, arbitrary: fc.record({ do: having('walk'), file: slot, how }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: having('concat'),
      paths: fc.array(slot, { minLength: 1, maxLength: 3 }),
      small: fc.boolean(),
      how
    })
  },
  { weight: 12, arbitrary: fc.record({ do: having('next'), walk: slot }) },
  { weight: 2, arbitrary: fc.record({ do: having('leave', 'abort', 'retain', 'retain'), walk: slot }) },
  { weight: 1, arbitrary: fc.record({ do: having('pipe'), file: slot, size: length, leased: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: having('collect') }) },
  { weight: 1, arbitrary: fc.record({ do: having('unmap'), path: slot }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: having('truncate', 'truncate', 'append', 'replace', 'overwrite'),
      path: slot,
      at: length,
      length
    })
  },
  { weight: 5, arbitrary: fc.record({ do: having('let go'), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 8, arbitrary: fc.record({ do: having('wait') }) }
)

/** Some programs change no file: then no error is an excuse. */
const changing = new Set<Command['do']>(['truncate', 'append', 'replace', 'overwrite'])
const quietly = new Set<Command['do']>([...changing, 'unmap', 'close'])

export const programs: fc.Arbitrary<Program> = fc
  .tuple(
    fc.record({
      mapped: fc.oneof(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 4, max: 40 })),
      handles: fc.integer({ min: 1, max: 4 }),
      window: fc.integer({ min: 1, max: 4 }),
      prefetch: fc.nat(2),
      concurrency: fc.integer({ min: 1, max: 3 })
    }),
    fc.array(length, { minLength: 1, maxLength: 3 }),
    fc.array(command, { minLength: 1, maxLength: 50, size: 'max' }),
    fc.constantFrom('changing', 'unchanged', 'quiet'),
    fc.boolean()
  )
  .map(([limits, sizes, all, sort, closes]) => {
    const left = sort === 'changing' ? undefined : sort === 'unchanged' ? changing : quietly
    const commands: Command[] = all.filter(one => !left?.has(one.do))
    return { limits, sizes, commands: closes ? [...commands, { do: 'close all' }] : commands }
  })

/** A program as text. */
export function text({ limits, sizes, commands }: Program): string {
  const l = ({ pages, extra }: Length) =>
    extra === 0 ? `${pages}p` : `${pages}p${extra > 0 ? '+' : ''}${extra}`
  const value = (of: unknown): string =>
    of !== null && typeof of === 'object' && 'pages' in of
      ? l(of as Length)
      : Array.isArray(of)
        ? `[${of.map(value).join(' ')}]`
        : of !== null && typeof of === 'object'
          ? `{ ${entries(of)} }`
          : String(of)
  const entries = (of: object) =>
    Object.entries(of)
      .filter(([key]) => key !== 'do')
      .map(([key, one]) => `${key} ${value(one)}`)
      .join(', ')
  const lines = commands.map(one => `${one.do} ${entries(one)}`.trim())
  return [`limits ${entries(limits)}; files ${sizes.map(l).join(', ')}`, ...lines].join('\n  ')
}
