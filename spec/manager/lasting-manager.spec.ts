import { expect } from 'chai'
import { MapManager, type MappedFile } from '../../lib/index.js'
import { LastingManager } from '../../lib/manager/lasting-manager.js'
import { FakeMapper } from '../support/fake-mapper.js'
import { bytesAt, KiB, tempFile } from '../support/files.js'
import { collectedUntil, realMappers } from '../support/mappers.js'
import { descriptorsOf, mappingsOf, canWitness } from '../support/os.js'

const content = bytesAt(5, 0, 100_000)

/** What a program may have begun with a file when it drops that, and its manager. */
const uses: Record<string, (file: MappedFile, manager: MapManager, path: string) => unknown> = {
  nothing: () => {},
  'a cursor': file => file.cursor().use(0).bytes,
  'a cursor that was used': file => file.cursor().use(0).unuse(),
  'a buffer': file => file.buffer().readUInt8(70_000),
  'a lease': file => file.buffer().lease(0, 90_000).bytes,
  'a walk half way': file => file.windows().next(),
  'a window that was retained': async file => (await file.windows().next()).value?.retain(),
  'a stream half way': file => file.stream()[Symbol.asyncIterator]().next(),
  'a concatenation half way': async (file, manager, path) => {
    await file.close()
    await manager.concat([path, path], { smallFileSize: 0 }).windows({ prefetch: 0 }).next()
  },
  'a load on its way': file => {
    void file.cursor().load(0)
  }
}

/** Says when an object has been collected. A weak reference that is asked again and again keeps it. */
class Witness {
  gone = false
  readonly #registry = new FinalizationRegistry<undefined>(() => {
    this.gone = true
  })

  watch<T extends object>(subject: T): T {
    this.#registry.register(subject, undefined)
    return subject
  }
}

for (const mapper of realMappers) {
  describe(`A manager that was dropped with files open, on the ${mapper} mapper,`, () => {
    let path: string

    before(function () {
      if (!canWitness) this.skip()
    })

    beforeEach(() => {
      path = tempFile('lasting', content)
    })

    const held = () => descriptorsOf(path).length + mappingsOf(path).length
    const make = () => new MapManager({ mapper, windowSize: 64 * KiB })

    for (const [name, use] of Object.entries(uses)) {
      it(`gives all back when it has been collected: of a file of which there was ${name}`, async () => {
        const witness = new Witness()
        await (async () => {
          const manager = witness.watch(make())
          await use(await manager.open(path), manager, path)
        })()
        expect(await collectedUntil(() => witness.gone && held() === 0)).to.equal(true)
      })
    }

    it('does so for each of many', async () => {
      const use = async () => void (await make().open(path)).cursor().use(0)
      await Promise.all(Array.from({ length: 50 }, use))
      expect(await collectedUntil(() => held() === 0)).to.equal(true)
    })

    it('is collected itself before its files are, and these go on', async () => {
      const witness = new Witness()
      const file = await (async () => witness.watch(make()).open(path))()
      expect(await collectedUntil(() => witness.gone)).to.equal(true)
      expect((await file.read(70_000, 100)).equals(content.subarray(70_000, 70_100))).to.equal(true)
      await file.close()
    })

    it('leaves the bytes to whoever has nothing else, and gives them back after that', async () => {
      const left = { bytes: await (async () => (await make().open(path)).cursor().use(0).bytes)() }
      let turns = 0
      await collectedUntil(() => turns++ === 20)
      expect(left.bytes.equals(content.subarray(0, left.bytes.length))).to.equal(true)
      left.bytes = Buffer.alloc(0)
      expect(await collectedUntil(() => held() === 0)).to.equal(true)
    })

    it('tells the list of a concatenation that it was left, also between two files', async () => {
      let told = false
      function* list() {
        try {
          for (;;) yield path
        } finally {
          told = true
        }
      }
      await (async () => {
        // Small files are read, and not held open.
        await make().concat(list(), { smallFileSize: content.length }).windows().next()
      })()
      expect(await collectedUntil(() => told && held() === 0)).to.equal(true)
    })

    it('warns of it once', async () => {
      const warnings: string[] = []
      const warned = ({ message }: Error) => {
        // Others may be told of late, as of a window of theirs.
        if (message.includes('a file was dropped')) warnings.push(message)
      }
      process.on('warning', warned)
      try {
        await (async () => {
          const manager = make()
          await manager.open(path)
          await manager.open(path)
        })()
        expect(await collectedUntil(() => held() === 0 && warnings.length > 0)).to.equal(true)
      } finally {
        process.off('warning', warned)
      }
      expect(warnings).to.deep.equal([
        'a file was dropped without close() and has been closed by the garbage collector'
      ])
    })
  })
}

describe('A lasting manager', () => {
  const make = () =>
    new LastingManager({
      mapper: new FakeMapper(),
      maxMappedBytes: 160,
      maxHandles: 4,
      concurrency: 2,
      warn: () => {}
    })

  /** Open and close files, each by itself. */
  async function work(manager: LastingManager): Promise<void> {
    ;(manager.mapper as FakeMapper).disk.add('/a', 'content')
    for (let i = 0; i < 3; i++) await (await manager.open('/a', 0)).close()
  }

  it('stays as long as a file is open, whoever holds it', async () => {
    const manager = await (async () => {
      const manager = make()
      await work(manager)
      await manager.open('/a', 0)
      return new WeakRef(manager)
    })()
    let turns = 0
    await collectedUntil(() => turns++ === 20)
    expect(manager.deref()?.files.size).to.equal(1)
    await manager.deref()?.close()
  })

  it('is collected once its last file is closed', async () => {
    const witness = new Witness()
    await (async () => {
      const manager = witness.watch(make())
      await work(manager)
      const file = await manager.open('/a', 0)
      let turns = 0
      await collectedUntil(() => turns++ === 5)
      await file.close()
    })()
    expect(await collectedUntil(() => witness.gone)).to.equal(true)
  })
})
