/**
 * Walk a file of any size, window by window: counts its lines, and how often each byte occurs.
 *
 *     npx tsx examples/windows.ts FILE
 */
import { open } from '../lib/index.js'
import { command } from './support/command.js'

export async function main(path: string): Promise<void> {
  const counts = new Float64Array(256)
  let windows = 0

  const file = await open(path)
  try {
    for await (const window of file.windows()) {
      // These are the file's own pages, not a copy. They are ours until the loop goes round.
      for (const byte of window.bytes) counts[byte] = (counts[byte] ?? 0) + 1
      windows++
    }
    console.log(`bytes     ${file.size}`)
  } finally {
    await file.close()
  }

  const frequent = [...counts.keys()]
    .filter(byte => counts[byte] !== 0)
    .sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0))
  console.log(`lines     ${counts[10]}`)
  console.log(`windows   ${windows}`)
  console.log(`values    ${frequent.length}`)
  for (const byte of frequent.slice(0, 5))
    console.log(`  ${JSON.stringify(String.fromCharCode(byte))} ${counts[byte]}`)
}

await command(import.meta.url, 'usage: npx tsx examples/windows.ts FILE', main)
