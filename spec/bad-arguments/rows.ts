/**
 * The table: every public function, every argument and option of it, and what that takes.
 */
import { constants } from 'node:fs'
import * as slidemap from '../../lib/index.js'
import { MapManager, mmapIoMapper } from '../../lib/index.js'
import { mapperConformance } from '../../lib/mapping/conformance.js'
import { readMapper } from '../../lib/mapping/read.js'
import { type Any, argumentRow, type Bench, optionRows, orUndefined, type Row, SIZE } from './row.js'
import { followRows, ofConcatWindows, ofWindows, range, sequenceRows, syncRows } from './sequences.js'
import * as take from './takes.js'
import type { Takes } from './takes.js'

const changing = constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC
const flags: Takes = {
  right: value => take.integer(0, 2 ** 31 - 1).right(value) && ((value as number) & changing) === 0,
  codes: value => [typeof value === 'number' ? 'ERR_OUT_OF_RANGE' : 'ERR_INVALID_ARG_TYPE']
}
function openRows(
  call: string,
  open: (bench: Bench) => (source: Any, options?: Any) => Promise<unknown>
): Row[] {
  const ranged = (
    name: string,
    takes: Takes,
    more: (bench: Bench) => object = ({ path }) => ({ source: path })
  ): Row => ({
    call,
    way: 'rejects',
    argument: name === 'source' ? name : `source.${name}`,
    takes: name === 'source' ? takes : orUndefined(takes),
    run: (value, bench) => open(bench)({ ...more(bench), [name]: value })
  })
  return [
    {
      call,
      way: 'rejects',
      argument: 'source',
      takes: take.source,
      run: (value, bench) => open(bench)(value)
    },
    ranged('source', take.source, () => ({})),
    ranged('start', range.start),
    ranged('end', range.end),
    ...optionRows(call, 'rejects', { flags, signal: take.signal }, (options, bench) =>
      open(bench)(bench.path, options)
    )
  ]
}

function concatRows(call: string, concat: (bench: Bench) => (sources: Any, options?: Any) => Any): Row[] {
  const takes = { lookahead: take.integer(0, 65_536), smallFileSize: take.integer(0), flags }
  return [
    {
      call,
      way: 'throws',
      argument: 'sources',
      takes: take.sources,
      run: (value, bench) => concat(bench)(value)
    },
    {
      call,
      way: 'rejects at next',
      argument: 'source',
      takes: take.source,
      run: (value, bench) => concat(bench)([value]).windows()
    },
    ...optionRows(call, 'throws', takes, (options, bench) => concat(bench)([], options))
  ]
}
const before = take.integer(0, Number.MAX_SAFE_INTEGER, SIZE - 1)
const upTo = take.integer(0, Number.MAX_SAFE_INTEGER, SIZE)

/** One or more bytes, 0 or more. */
const some = take.integer(1)
const any = take.integer(0)

const ofMapper = {
  name: take.anyText,
  granularity: take.integer(1),
  pageSize: take.integer(1),
  maxOffset: take.integer(1),
  maxLength: take.integer(1),
  detaches: take.boolean,
  servesAnyFile: take.boolean,
  run: take.callback,
  runSync: take.callback,
  close: take.callback,
  closeSync: take.callback,
  drain: take.callback
}
const ofMapperIfAny = {
  expectCopies: take.callback,
  readSmall: take.callback,
  scan: take.callback,
  visitCache: take.callback
}

/** The mapper with one member replaced. */
function mapperWith(name: string, value: unknown): unknown {
  return Object.create(readMapper(), { [name]: { value } })
}

function mapperRows(): Row[] {
  const row = (name: string, takes: Takes): Row =>
    argumentRow(
      'new MapManager',
      'throws',
      `options.mapper.${name}`,
      takes,
      value => new MapManager({ mapper: mapperWith(name, value) as Any })
    )
  return [
    ...Object.entries(ofMapper).map(([name, takes]) => row(name, takes)),
    ...Object.entries(ofMapperIfAny).map(([name, takes]) => row(name, orUndefined(takes)))
  ]
}

const quiet = { describe: () => {}, it: () => {}, mapper: () => readMapper() }

export const rows: readonly Row[] = [
  ...openRows('open', () => slidemap.open),
  ...openRows('MapManager.open', ({ manager }) => manager.open.bind(manager)),
  ...concatRows('concat', () => slidemap.concat),
  ...concatRows('MapManager.concat', ({ manager }) => manager.concat.bind(manager)),
  ...optionRows(
    'new MapManager',
    'throws',
    {
      windowSize: take.integerOrInfinity(1),
      maxMappedBytes: take.integer(1),
      maxHandles: take.integer(1),
      prefetch: take.integer(0, 1024),
      concurrency: take.integer(1, 1024),
      mapper: take.mapper
    },
    options => new MapManager(options),
    { mapper: 'read' }
  ),
  ...mapperRows(),
  argumentRow('MapManager.unmapFile', 'throws', 'path', take.path, (value, { manager }) =>
    manager.unmapFile(value as Any)
  ),
  argumentRow('mmapIoMapper', 'throws', 'module', take.mapper, value => mmapIoMapper(value as Any)),
  ...optionRows(
    'mapperConformance',
    'throws',
    {
      name: take.anyText,
      describe: take.callback,
      it: take.callback,
      mapper: take.callback,
      unprivileged: take.callback
    },
    options => mapperConformance(options),
    quiet
  ),

  ...sequenceRows('MappedFile', ofWindows, ({ file }) => file),
  ...sequenceRows('Concatenation', ofConcatWindows, ({ concatenation }) => concatenation),
  ...followRows('MappedFile.windows', (options, { file }) => file.windows(options)),
  ...followRows('MappedFile.lines', (options, { file }) => file.lines(options)),
  ...followRows('MappedFile.stream', (options, { file }) => file.stream(options)),
  ...syncRows(),
  argumentRow('MappedFile.buffer', 'throws', 'offset', orUndefined(upTo), (value, { file }) =>
    file.buffer(value as Any)
  ),
  argumentRow('MappedFile.buffer', 'throws', 'length', orUndefined(any), (value, { file }) =>
    file.buffer(0, value as Any)
  ),
  argumentRow('MappedFile.read', 'rejects', 'offset', upTo, (value, { file }) => file.read(value as Any)),
  argumentRow('MappedFile.read', 'rejects', 'length', orUndefined(any), (value, { file }) =>
    file.read(0, value as Any)
  ),
  ...optionRows('MappedFile.read', 'rejects', { signal: take.signal }, (options, { file }) =>
    file.read(0, 1, options)
  ),
  ...optionRows('MappedFile.refresh', 'rejects', { signal: take.signal }, (options, { file }) =>
    file.refresh(options)
  ),

  argumentRow('Cursor.use', 'throws', 'offset', before, (value, { cursor }) => cursor.use(value as Any)),
  argumentRow('Cursor.use', 'throws', 'size', orUndefined(some), (value, { cursor }) =>
    cursor.use(0, value as Any)
  ),
  argumentRow('Cursor.load', 'rejects', 'offset', before, (value, { cursor }) => cursor.load(value as Any)),
  argumentRow('Cursor.load', 'rejects', 'size', orUndefined(some), (value, { cursor }) =>
    cursor.load(0, value as Any)
  ),
  ...optionRows('Cursor.load', 'rejects', { signal: take.signal }, (options, { cursor }) =>
    cursor.load(0, 1, options)
  ),
  argumentRow('Cursor.includes', 'throws', 'offset', take.number, (value, { cursor }) =>
    cursor.includes(value as Any)
  ),

  argumentRow('MappedBuffer.lease', 'throws', 'offset', before, (value, { buffer }) =>
    buffer.lease(value as Any, 1)
  ),
  argumentRow('MappedBuffer.lease', 'throws', 'length', some, (value, { buffer }) =>
    buffer.lease(0, value as Any)
  ),
  argumentRow('MappedBuffer.buffer', 'throws', 'offset', orUndefined(upTo), (value, { buffer }) =>
    buffer.buffer(value as Any)
  ),
  argumentRow('MappedBuffer.buffer', 'throws', 'length', orUndefined(any), (value, { buffer }) =>
    buffer.buffer(0, value as Any)
  )
]
