import { once } from 'node:events'
import { createWriteStream, readFileSync, truncateSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { expect } from 'chai'
import { MapManager } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, MiB, tempFile, tempPath } from '../support/files.js'
import { needsMappings } from '../support/mappers.js'

const page = 4096
const content = bytesAt(3, 0, 4 * MiB)
/** Where the file ends once it was cut short: in the second window, at the end of a page. */
const cut = MiB + 5 * page

/**
 * The kernel does not raise SIGBUS where it reads lost pages itself, for a program that writes them somewhere: it
 * answers EFAULT.
 */
describe('pipeTo() of a file that is cut short while the kernel writes it', () => {
  before(needsMappings)

  /** Pipe into it, cut the file short just before one of the writes, and answer why it failed. */
  async function pipeAndCut(sink: Writable, write: '_write' | '_writeGeneric') {
    const path = tempFile('cut while written', content)
    const manager = new MapManager({ mapper: 'native', windowSize: MiB, prefetch: 0 })
    const file = await manager.open(path)
    const methods = sink as unknown as Record<string, (...args: unknown[]) => unknown>
    const original = methods[write]
    let bytes = 0
    methods[write] = function (...args) {
      if (bytes >= MiB) truncateSync(path, cut)
      return original?.apply(this, args)
    }
    const error = await failure(
      file.pipeTo(sink, {
        onProgress: now => {
          bytes = now
        }
      })
    )
    await manager.close()
    expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0 })
    return { error, path }
  }

  it('into a file rejects with ERR_MAP_FILE_TRUNCATED', async () => {
    const target = tempPath('written')
    const { error, path } = await pipeAndCut(createWriteStream(target), '_write')
    expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path, offset: cut })
    const written = readFileSync(target)
    expect(written.equals(content.subarray(0, written.length))).to.equal(true)
  })

  it('into a socket, too', async () => {
    const received: Buffer[] = []
    const server = createServer(socket =>
      socket.on('data', data => received.push(data)).on('error', () => {})
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    const closed = once(server, 'close')
    try {
      const { error, path } = await pipeAndCut(socket, '_writeGeneric')
      expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path, offset: cut })
    } finally {
      socket.destroy()
      server.close()
    }
    await closed
    const whole = Buffer.concat(received)
    expect(whole.equals(content.subarray(0, whole.length))).to.equal(true)
  })

  it('says what the sink said where nothing was lost', async () => {
    const manager = new MapManager({ mapper: 'native' })
    const file = await manager.open(tempFile('whole', content))
    const sink = createWriteStream(tempPath('refused'))
    const fault = Object.assign(new Error('EFAULT: made up'), { code: 'EFAULT' })
    sink._write = (_chunk, _encoding, done) => done(fault)
    expect(await failure(file.pipeTo(sink))).to.equal(fault)
    await manager.close()
  })
})
