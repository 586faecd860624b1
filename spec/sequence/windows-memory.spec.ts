import { Buffer } from 'node:buffer'
import { expect } from 'chai'
import { MapManager, type Window } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, KiB, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'

/** The mapper that reads into Buffers has no memory either, and says so in the words of the OS. */
const noMemory = /^Array buffer allocation failed|^ENOMEM/

/** Run `body` while there is no memory for a Buffer of `length` bytes. */
async function short(length: number, body: () => Promise<void>): Promise<void> {
  const real = Buffer.allocUnsafeSlow
  Buffer.allocUnsafeSlow = size => {
    if (size === length) throw new RangeError('Array buffer allocation failed')
    return real.call(Buffer, size)
  }
  try {
    await body()
  } finally {
    Buffer.allocUnsafeSlow = real
  }
}

for (const mapper of realMappers) {
  describe(`copied windows on the ${mapper} mapper, with no memory for a copy`, () => {
    const content = bytesAt(3, 0, 100 * KiB)
    const options = { lifetime: 'copied', start: 10, end: 5017 } as const
    let manager: MapManager
    let path: string

    beforeEach(() => {
      manager = new MapManager({ mapper })
      path = tempFile('copied.bin', content)
    })

    afterEach(() => manager.close())

    const expectNothingMapped = () =>
      expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, bytesCopied: 0 })

    /** The first window fails, and leaves nothing. */
    const expectFailure = async (windows: AsyncIterableIterator<Window>) => {
      await short(5007, async () => {
        expect((await failure(windows.next())).message).to.match(noMemory)
      })
      expectNothingMapped()
      expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
    }

    it('reject with that, and leave nothing of a file mapped', async () => {
      const file = await manager.open(path)
      await expectFailure(file.windows(options))
      await short(5007, async () => {
        expect(() => file.windowsSync(options).next()).to.throw(noMemory)
      })
      expectNothingMapped()
      const { value } = await file.windows(options).next()
      expect(value?.bytes.equals(content.subarray(10, 5017))).to.equal(true)
    })

    for (const [kind, smallFileSize] of [
      ['mapped', 0],
      ['small', undefined]
    ] as const) {
      it(`reject with that, and leave nothing of ${kind} files of a concatenation mapped`, async () => {
        const concatenation = manager.concat([path, path], { smallFileSize, lookahead: 0 })
        await expectFailure(concatenation.windows(options))
        const { value } = await concatenation.windows(options).next()
        expect(value?.bytes.equals(content.subarray(10, 5017))).to.equal(true)
      })
    }
  })
}
