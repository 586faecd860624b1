/**
 * The one misuse that slidemap cannot make harmless, in a process of its own: `second-chunk.ts lent|own`.
 *
 * Bytes that do not fit one chunk of output are written to zlib, not awaited, and detached: a leased window that is
 * passed (`lent`), or a plain ArrayBuffer that is transferred, with nothing of slidemap in it (`own`). Between two chunks
 * Node comes back to its input, whose length is 0 by now. Ends with 0 where it lives through that.
 */
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDeflate } from 'node:zlib'
import { MapManager } from '../../lib/index.js'

const noise = randomFillSync(Buffer.alloc(4 * 2 ** 20))

/** Bytes, and what takes them away. */
async function lend(): Promise<[Uint8Array, () => void]> {
  if (process.argv[2] === 'own') {
    const bytes = Uint8Array.from(noise)
    return [bytes, () => void structuredClone(bytes.buffer, { transfer: [bytes.buffer] })]
  }
  const folder = mkdtempSync(join(tmpdir(), 'slidemap-misuse-'))
  const path = join(folder, 'noise')
  writeFileSync(path, noise)
  const file = await new MapManager({ mapper: 'native' }).open(path)
  rmSync(folder, { recursive: true })
  const window = file.windowsSync().next().value
  if (!window) throw new Error('there is no window')
  return [window.retain().bytes, () => window.release()]
}

const [bytes, takeAway] = await lend()
createDeflate().resume().write(bytes)
setImmediate(takeAway)
