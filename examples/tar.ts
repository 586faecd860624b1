/**
 * Read a tar archive of any size with tar-stream: lists its entries, with the SHA-256 of each file.
 *
 *     npx tsx examples/tar.ts FILE
 */
import { createHash } from 'node:crypto'
import { extract } from 'tar-stream'
import { open } from '../lib/index.js'
import { command } from './support/command.js'

export async function main(path: string): Promise<void> {
  const file = await open(path)
  try {
    const archive = extract()
    // One streamx into another. While an entry is being read, the archive takes no more, and nothing more is mapped.
    file.stream().pipe(archive, error => {
      if (error) archive.destroy(error)
    })
    for await (const entry of archive) {
      const { name, type, size } = entry.header
      const hash = createHash('sha256')
      for await (const chunk of entry as AsyncIterable<Buffer>) hash.update(chunk)
      console.log(type === 'file' ? `${hash.digest('hex')} ${size} ${name}` : `${type} ${name}`)
    }
  } finally {
    await file.close()
  }
}

await command(import.meta.url, 'usage: npx tsx examples/tar.ts FILE', main)
