import { expect } from 'chai'
import { MapManager, type Window } from '../lib/index.js'
import { bytesAt, KiB, tempFile } from './support/files.js'
import { collectedUntil, realMappers } from './support/mappers.js'

for (const mapper of realMappers) {
  describe(`A window of the ${mapper} mapper that was released, and is kept for its place in the file,`, () => {
    for (const name of ['windows', 'windowsSync'] as const) {
      it(`holds none of its memory: ${name}()`, async () => {
        await using manager = new MapManager({ mapper, windowSize: 64 * KiB, prefetch: 0 })
        const file = await manager.open(tempFile('kept.bin', bytesAt(1, 0, 4 * 64 * KiB)))
        const kept: Window[] = []
        const memory: WeakRef<ArrayBufferLike>[] = []
        for await (const window of file[name]()) {
          memory.push(new WeakRef(window.bytes.buffer))
          kept.push(window)
        }
        // Not asking in between: that keeps what it asks for.
        await collectedUntil(() => false, 10)
        expect(memory.filter(buffer => buffer.deref() !== undefined)).to.deep.equal([])
        expect(kept.map(({ offset }) => offset)).to.deep.equal([0, 1, 2, 3].map(i => i * 64 * KiB))
        for (const window of kept) {
          expect(() => window.bytes)
            .to.throw()
            .with.property('code', 'ERR_MAP_RELEASED')
          expect(window.lost).to.equal(-1)
          window.release()
        }
      })
    }
  })
}
