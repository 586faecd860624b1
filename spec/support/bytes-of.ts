import type { MappedFile } from '../../lib/index.js'
import { collect } from './files.js'

/** All bytes of a file, through windows that are smaller than it. */
export function bytesOf(file: MappedFile): Promise<Buffer> {
  async function* pieces() {
    for await (const { bytes } of file.windows({ size: 30_000 })) yield bytes
  }
  return collect(pieces())
}
