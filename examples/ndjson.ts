/**
 * Read newline-delimited JSON of any size, a value a line: counts the values by that of a key, the most frequent first.
 *
 *     npx tsx examples/ndjson.ts FILE KEY
 */
import { open } from '../lib/index.js'
import { command } from './support/command.js'

export async function main(path: string, key: string): Promise<void> {
  const counts = new Map<string, number>()
  let values = 0

  const file = await open(path)
  try {
    // Lines are strings of their own, whatever windows they were in. One await for many of them.
    for await (const lines of file.lineBatches()) {
      for (const line of lines) {
        if (line === '') continue
        const found = JSON.stringify(JSON.parse(line)?.[key]) ?? 'none'
        counts.set(found, (counts.get(found) ?? 0) + 1)
        values++
      }
    }
  } finally {
    await file.close()
  }

  console.log(`values ${values}`)
  for (const [value, count] of [...counts].sort(([, a], [, b]) => b - a)) console.log(`  ${value} ${count}`)
}

await command(import.meta.url, 'usage: npx tsx examples/ndjson.ts FILE KEY', main)
