import fs from 'node:fs'
import CombinedStream from 'combined-stream'
import multistream from 'multistream'
import { iterate, listen, Search } from '../harness/consumers.mjs'
import { makeManyFiles, pathsIn } from '../harness/many-files.mjs'
import { scanStream, scanWindows, withManager } from '../harness/slidemap.mjs'
import { KiB, MiB } from '../harness/units.mjs'

/** A contestant's `prepare` for `use(paths)`: the folder is listed before the clock starts. */
const withPaths = use => (_variant, folder) => {
  const paths = pathsIn(folder)
  return () => use(paths)
}

const concat = (use, options) => async (_variant, folder) => {
  const paths = pathsIn(folder)
  return await withManager(manager => use(manager.concat(paths, options)))()
}

const oneByOne = open =>
  withPaths(async paths => {
    const search = new Search()
    for (const path of paths) for await (const chunk of open(path)) search.take(chunk)
    return search.bytes
  })

const multi = (consume, options) =>
  withPaths(paths => consume(new multistream(paths.map(path => () => fs.createReadStream(path, options)))))

/** It knows `'data'` only; each stream is made when its turn comes, as multistream's are. */
const combined = options =>
  withPaths(paths => {
    const whole = CombinedStream.create({ pauseStreams: false })
    for (const path of paths) whole.append(next => next(fs.createReadStream(path, options)))
    const seen = listen(whole)
    whole.resume()
    return seen
  })

const MIB = { highWaterMark: MiB }

const small = {
  title: 'look through 10,000 files of 8 KiB, one after the other, for a byte that is not there',
  unit: 'file',
  chart: { kind: 'rates', title: '10,000 files of 8 KiB' },
  fixture: folder => {
    const made = makeManyFiles(folder, 10_000, 8 * KiB)
    return { ...made, items: made.files }
  },
  contestants: [
    { name: 'windows', role: 'ours', prepare: concat(scanWindows) },
    { name: 'windows, no lookahead', role: 'ours', prepare: concat(scanWindows, { lookahead: 0 }) },
    { name: 'windows, all mapped', role: 'ours', prepare: concat(scanWindows, { smallFileSize: 0 }) },
    { name: 'copied stream', role: 'ours', prepare: concat(scanStream) },
    { name: 'multistream', role: 'peer', prepare: multi(listen) },
    { name: 'multistream, for await', role: 'peer', prepare: multi(iterate) },
    { name: 'combined-stream', role: 'peer', prepare: combined() },
    { name: 'createReadStream loop', role: 'peer', prepare: oneByOne(path => fs.createReadStream(path)) },
    {
      name: 'readFile loop',
      role: 'peer',
      prepare: oneByOne(async function* (path) {
        yield await fs.promises.readFile(path)
      })
    },
    {
      name: 'readFileSync loop',
      role: 'peer',
      prepare: oneByOne(function* (path) {
        yield fs.readFileSync(path)
      })
    }
  ],
  goals: [
    { ours: 'windows', rateAtLeast: 20_000 },
    {
      ours: 'windows',
      against: ['multistream', 'multistream, for await'],
      called: 'the better multistream',
      atLeast: 15
    }
  ]
}

const large = {
  name: 'concat-large',
  title: 'look through 8 files of 256 MiB, one after the other, for a byte that is not there',
  chart: { kind: 'rates', title: '8 files of 256 MiB' },
  fixture: folder => makeManyFiles(folder, 8, 256 * MiB),
  contestants: [
    { name: 'windows', role: 'ours', prepare: concat(scanWindows) },
    { name: 'copied stream', role: 'ours', prepare: concat(scanStream) },
    { name: 'multistream', role: 'peer', prepare: multi(listen) },
    { name: 'multistream, 1 MiB', role: 'peer', prepare: multi(listen, MIB) },
    { name: 'combined-stream', role: 'peer', prepare: combined() },
    { name: 'combined-stream, 1 MiB', role: 'peer', prepare: combined(MIB) },
    { name: 'createReadStream loop', role: 'peer', prepare: oneByOne(path => fs.createReadStream(path)) },
    {
      name: 'createReadStream loop, 1 MiB',
      role: 'peer',
      prepare: oneByOne(path => fs.createReadStream(path, MIB))
    }
  ],
  goals: []
}

export default [small, large]
