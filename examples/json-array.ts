/**
 * Go through one huge JSON array, element by element, with stream-json: counts the elements by the value of a key,
 * the most frequent first.
 *
 *     npx tsx examples/json-array.ts FILE KEY
 */
import { pipeline } from 'node:stream/promises'
import { streamArray } from 'stream-json/streamers/stream-array.js'
import { open } from '../lib/index.js'
import { command } from './support/command.js'

interface Item {
  /** Place in the array. */
  key: number
  value: unknown
}

export async function main(path: string, key: string): Promise<void> {
  const counts = new Map<string, number>()
  let elements = 0

  const file = await open(path)
  try {
    // Neither the text nor the array is ever in memory as a whole: a chunk of the one, an element of the other.
    await pipeline(file.stream(), streamArray.withParserAsStream(), async (items: AsyncIterable<Item>) => {
      for await (const { value } of items) {
        const found = JSON.stringify((value as Record<string, unknown> | null)?.[key]) ?? 'none'
        counts.set(found, (counts.get(found) ?? 0) + 1)
        elements++
      }
    })
  } finally {
    await file.close()
  }

  console.log(`elements ${elements}`)
  for (const [value, count] of [...counts].sort(([, a], [, b]) => b - a)) console.log(`  ${value} ${count}`)
}

await command(import.meta.url, 'usage: npx tsx examples/json-array.ts FILE KEY', (path, key) =>
  main(path, key)
)
