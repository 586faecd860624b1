import { expect } from 'chai'
import { MapManager } from '../../lib/index.js'
import { bytesAt, MiB, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'

/** The sequence of smmap's tutorial, on its file of 8 MiB. */
for (const mapper of realMappers) {
  it(`coming from smmap: its tutorial, step by step (${mapper})`, async () => {
    const content = bytesAt(9, 0, 8 * MiB)
    const path = tempFile(`tutorial-${mapper}`, content)

    await using manager = new MapManager({ mapper })
    expect(manager.stats()).to.include({ handles: 0, mappedBytes: 0 })

    // A cursor knows its file, and has to be sent somewhere before it can be used.
    const file = await manager.open(path)
    const cursor = file.cursor()
    expect(cursor.valid).to.equal(false)
    expect(cursor.use(0).valid).to.equal(true)

    // How much it shows is asked for: it may be less than was wanted.
    expect(cursor.length).to.equal(8 * MiB)
    expect(cursor.bytes[0]).to.equal(content[0])
    expect(cursor.bytes.subarray(1, 10).equals(content.subarray(1, 10))).to.equal(true)
    expect(cursor.bytes[cursor.length - 1]).to.equal(content.at(-1))
    expect(cursor.offset).to.be.below(cursor.offset + cursor.length)
    expect(cursor.includes(100)).to.equal(true)

    // Past the end there is nothing to be sent to.
    expect(() => cursor.use(file.size, 100))
      .to.throw()
      .with.property('code', 'ERR_MAP_OUT_OF_RANGE')
    expect(cursor.use(100).bytes.equals(content.subarray(100))).to.equal(true)

    cursor.unuse()
    expect(cursor.valid).to.equal(false)

    // A buffer needs no sending.
    const buffer = file.buffer()
    expect(buffer.at(0)).to.equal(content[0])
    expect(buffer.at(-1)).to.equal(content.at(-1))
    expect(buffer.slice(-10).equals(content.subarray(-10))).to.equal(true)
    buffer[Symbol.dispose]()
    expect(() => buffer.at(0))
      .to.throw()
      .with.property('code', 'ERR_MAP_RELEASED')
    expect(file.buffer(10).at(0)).to.equal(content[10])
  })
}
