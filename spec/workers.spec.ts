import { expect } from 'chai'
import { mkdirSync } from 'node:fs'
import { MapManager } from '../lib/index.js'
import { Random } from '../prove/random.js'
import { buildLibrary } from '../prove/runner/build.js'
import { KINDS, leftBehind, terminateOne } from '../prove/workers/terminate.js'
import { bytesAt, collect, KiB, tempFile, tempPath } from './support/files.js'

const seed = Number(process.env.SLIDEMAP_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** The short form: `npm run prove -- --only workers` terminates a thousand. */
describe(`A Worker that is terminated at a random moment (seed ${seed})`, () => {
  const content = bytesAt(3, 0, 1024 * KiB)
  const random = new Random(seed)
  const grounds = {
    library: '',
    folder: tempPath('workers'),
    paths: [1, 2, 3, 4].map(i => tempPath(`workers/${i}`))
  }

  before(async () => {
    // Plain JavaScript: a Worker that has to learn TypeScript first takes half a second to start.
    const { url, remove } = await buildLibrary()
    after(remove)
    grounds.library = url
    mkdirSync(grounds.folder)
    for (const i of [1, 2, 3, 4]) tempFile(`workers/${i}`, content)
  })

  for (const kind of KINDS) {
    it(`leaves no mapping and no descriptor while it is at ${kind}, and others go on`, async () => {
      await using manager = new MapManager()
      const own = await manager.open(tempFile('own of the main thread', content))
      const [, bytes] = await Promise.all([
        Promise.all([1, 2].map(() => terminateOne(grounds, kind, random))),
        collect(own.stream())
      ])
      expect(bytes.equals(content)).to.equal(true)
      expect(await leftBehind(grounds.folder)).to.deep.equal([])
      expect((await own.read(0)).equals(content)).to.equal(true)
    })
  }
})
