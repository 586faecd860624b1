import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { type Outcome, Settling, type Target, Unusable } from '../targets.js'

/** More than anything that is given comes to: for a second chunk of output Node comes back to the input. */
const chunkSize = 2 ** 20

const calls = [
  [promisify(zlib.deflate), zlib.inflateSync],
  [promisify(zlib.gzip), zlib.gunzipSync]
] as const
const brotli = promisify(zlib.brotliCompress)
const ofQuality = (quality: number) => ({
  chunkSize,
  params: { [zlib.constants.BROTLI_PARAM_QUALITY]: quality }
})

/** Compressed in one call each, on the thread pool. */
export const calledZlib: Target = {
  name: 'zlib',
  words: 'deflate(), gzip() and brotliCompress(), whose output fits one chunk',
  async open({ choose }) {
    const given = new Settling<Uint8Array>()
    return {
      give(bytes) {
        const [pack, unpack] = calls[choose(3)] ?? []
        given.add(
          pack && unpack
            ? pack(bytes, { level: 1, chunkSize }).then(packed => unpack(packed))
            : brotli(bytes, ofQuality(3)).then(packed => zlib.brotliDecompressSync(packed))
        )
      },
      end: () => given.all()
    }
  }
}

/** Its lowest qualities look at the input more than once, and copy none of it first. */
export const hastyBrotli: Target = {
  name: 'brotli, hasty',
  words: 'brotliCompress() of quality 0 and 1, which reads its input more than once',
  promise: 'no byte of another file',
  rereads: true,
  async open({ choose }) {
    const given = new Settling<Uint8Array>()
    return {
      give: bytes => void given.add(brotli(bytes, ofQuality(choose(2))).then(unpackBrotli)),
      end: () => given.all()
    }
  }
}

function unpackBrotli(packed: Uint8Array): Uint8Array {
  try {
    return zlib.brotliDecompressSync(packed)
  } catch (cause) {
    throw new Unusable('what came out cannot be unpacked', { cause })
  }
}

/** Written to a stream: all but the first wait in its buffer. */
export const streamedZlib: Target = {
  name: 'zlib streams',
  words: 'write() of createDeflateRaw() and createGzip(), whose output fits one chunk',
  async open({ choose }) {
    const raw = choose(2) === 0
    const packer = (raw ? zlib.createDeflateRaw : zlib.createGzip)({ level: 1, chunkSize })
    const packed: Uint8Array[] = []
    packer.on('data', chunk => packed.push(chunk))
    return {
      give: bytes => void packer.write(bytes),
      // Not by its end: Node never comes to it where a chunk that waited has another length than when it was written.
      end: () =>
        new Promise<Outcome[]>((resolve, reject) => {
          packer.on('error', reject).flush(zlib.constants.Z_SYNC_FLUSH, () => {
            const all = Buffer.concat(packed)
            const partly = { finishFlush: zlib.constants.Z_SYNC_FLUSH }
            resolve([raw ? zlib.inflateRawSync(all, partly) : zlib.gunzipSync(all, partly)])
            packer.destroy()
          })
        })
    }
  }
}
