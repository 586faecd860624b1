import { renameSync, rmSync, truncateSync } from 'node:fs'
import { expect } from 'chai'
import { MapManager, type MappedFile, SlidemapError } from '../../lib/index.js'
import { failure, thrown } from '../support/failure.js'
import { bytesAt, tempFile } from '../support/files.js'
import { mappingMappers } from '../support/mappers.js'
import { PAGE } from './trial.js'

const SIZE = 32 * PAGE
const WINDOW = 16 * PAGE
/** Lost with the cut. */
const GONE = 5 * PAGE

/** No zeros, so that those of a cut show. */
const content = bytesAt(1, 0, SIZE).map(byte => byte || 1) as Buffer

// No cut reaches a copy.
for (const mapper of mappingMappers) {
  describe(`bytes that were cut off under the ${mapper} mapper`, () => {
    let managers: MapManager[]
    let path: string
    let other: string

    beforeEach(() => {
      managers = []
      path = tempFile('explained', content)
      other = tempFile('explained-other', content)
    })

    afterEach(() => Promise.all(managers.map(manager => manager.close())))

    function make(options: { windowSize?: number; maxHandles?: number }): MapManager {
      const manager = new MapManager({ mapper, windowSize: WINDOW, ...options })
      managers.push(manager)
      return manager
    }

    const cut = () => truncateSync(path, PAGE)

    function expectTold(error: unknown): void {
      expect(error).to.be.instanceOf(SlidemapError)
      expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path, offset: PAGE })
    }

    describe('are told of as such where the file is not open any more', () => {
      it('since all of it was mapped: by a buffer', async () => {
        const file = await make({ windowSize: Number.POSITIVE_INFINITY }).open(path)
        const buffer = file.buffer()
        buffer.readUInt8(0)
        cut()
        expectTold(thrown(() => buffer.readUInt8(GONE)))
      })

      it('since another has its handle: by windows', async () => {
        const manager = make({ maxHandles: 1 })
        const file = await manager.open(path)
        const windows = file.windows({ prefetch: 0 })
        const { value: window } = await windows.next()
        await manager.open(other)
        cut()
        expect(window?.bytes[GONE]).to.equal(0)
        expectTold(await failure(windows.next()))
      })

      it('since another has its handle: by read() of what was loaded before', async () => {
        const manager = make({ maxHandles: 1 })
        const file = await manager.open(path)
        ;(await file.cursor().load(0)).unuse()
        await manager.open(other)
        cut()
        expectTold(await failure(file.read(0, GONE)))
      })

      it('since another has its handle, and a job runs on that: by a buffer', async () => {
        const manager = make({ maxHandles: 1 })
        const buffer = (await manager.open(path)).buffer()
        buffer.readUInt8(0)
        const busy = (await manager.open(other)).refresh()
        cut()
        expectTold(thrown(() => buffer.readUInt8(GONE)))
        await busy
      })

      it('since it was closed: by a cursor that is unused, and a lease that is released', async () => {
        const file = await make({}).open(path)
        const cursor = file.cursor().use(0)
        const window = file.buffer().lease(0, WINDOW)
        cut()
        expect([cursor.bytes[GONE], window.bytes[GONE]]).to.deep.equal([0, 0])
        expect([cursor.lost, window.lost]).to.deep.equal([GONE, GONE])
        await file.close()
        expectTold(thrown(() => cursor.unuse()))
        expectTold(thrown(() => window.release()))
      })
    })

    describe('of a file that has no descriptor any more', () => {
      let file: MappedFile
      let manager: MapManager

      beforeEach(async () => {
        manager = make({ maxHandles: 1 })
        file = await manager.open(path)
      })

      /** Each way to be told, after `change` of the path. */
      async function errorsAfter(change: () => void): Promise<unknown[]> {
        const buffer = file.buffer()
        buffer.readUInt8(0)
        const windows = file.windows({ prefetch: 0 })
        const { value: window } = await windows.next()
        await manager.open(other)
        cut()
        expect(window?.bytes[GONE]).to.equal(0)
        change()
        return [await failure(windows.next()), thrown(() => buffer.readUInt8(GONE))]
      }

      it('and was replaced are told of as of a file that is another', async () => {
        const errors = await errorsAfter(() => renameSync(tempFile('explained-next', content), path))
        for (const error of errors) expect(error).to.include({ code: 'ERR_MAP_FILE_CHANGED', path })
      })

      it('and was removed are told of with what the OS says of that', async () => {
        const errors = await errorsAfter(() => rmSync(path))
        for (const error of errors) {
          expect(error).to.include({ code: 'ERR_MAP_IO', path, offset: GONE })
          expect(error).to.have.nested.property('cause.code', 'ENOENT')
        }
      })
    })
  })
}
