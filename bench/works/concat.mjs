import fs from 'node:fs'
import multistream from 'multistream'
import { iterate, listen, Search } from '../harness/consumers.mjs'
import { makeManyFiles, pathsIn } from '../harness/many-files.mjs'
import { scanStream, scanWindows, withManager } from '../harness/slidemap.mjs'
import { KiB } from '../harness/units.mjs'

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

const multi = consume =>
  withPaths(paths => consume(new multistream(paths.map(path => () => fs.createReadStream(path)))))

export default {
  name: 'concat',
  title: 'look through 10,000 files of 8 KiB, one after the other, for a byte that is not there',
  fixture: folder => makeManyFiles(folder, 10_000, 8 * KiB),
  contestants: [
    { name: 'windows', role: 'ours', prepare: concat(scanWindows) },
    { name: 'windows, no lookahead', role: 'ours', prepare: concat(scanWindows, { lookahead: 0 }) },
    { name: 'windows, all mapped', role: 'ours', prepare: concat(scanWindows, { smallFileSize: 0 }) },
    { name: 'copied stream', role: 'ours', prepare: concat(scanStream) },
    { name: 'multistream', role: 'peer', prepare: multi(listen) },
    { name: 'multistream, for await', role: 'peer', prepare: multi(iterate) },
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
    { ours: 'windows', filesPerSecond: 20_000 },
    { ours: 'windows', against: 'multistream', atLeast: 15 },
    { ours: 'windows', against: 'multistream, for await', atLeast: 15 },
    { ours: 'windows', against: 'createReadStream loop', atLeast: 15 }
  ]
}
