import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { Search } from './consumers.mjs'
import { KiB, MiB } from './units.mjs'

/** What a peer's "best" is chosen from: bytes of a read. */
export const SIZES = [64 * KiB, 256 * KiB, MiB, 4 * MiB, 16 * MiB]

/** `fs.createReadStream` with Node's default highWaterMark, or `size`; `consume(stream)` answers the bytes seen. */
export const readStream = consume => size => file =>
  consume(fs.createReadStream(file, size ? { highWaterMark: size } : {}))

/** `fs.readSync` into one buffer, again and again. */
export const readSyncLoop = size => file => {
  const search = new Search()
  const buffer = Buffer.allocUnsafeSlow(size)
  const fd = fs.openSync(file)
  for (let n = fs.readSync(fd, buffer); n > 0; n = fs.readSync(fd, buffer)) search.take(buffer.subarray(0, n))
  fs.closeSync(fd)
  return search.bytes
}

/** `FileHandle.read` into one buffer, again and again. */
export const fileHandleLoop = size => async file => {
  const search = new Search()
  const buffer = Buffer.allocUnsafeSlow(size)
  const handle = await fsp.open(file)
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, size)
    if (bytesRead === 0) break
    search.take(buffer.subarray(0, bytesRead))
  }
  await handle.close()
  return search.bytes
}

/** `FileHandle.readableWebStream`, with Node's own reads. */
export const webStream = async file => {
  const search = new Search()
  const handle = await fsp.open(file)
  for await (const chunk of handle.readableWebStream({ type: 'bytes' })) search.take(asBuffer(chunk))
  await handle.close()
  return search.bytes
}

/** As a Buffer, whose search is another one than that of arrays. */
export function asBuffer(chunk) {
  return ArrayBuffer.isView(chunk)
    ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    : Buffer.from(chunk)
}
