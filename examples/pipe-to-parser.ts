/**
 * Stream a file of any size into a parser: sums a column of a CSV file.
 *
 *     npx tsx examples/pipe-to-parser.ts FILE COLUMN
 */
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parse } from 'csv-parse'
import { open } from '../lib/index.js'
import { command } from './support/command.js'

export async function main(path: string, column: string): Promise<void> {
  let rows = 0
  let sum = 0

  const adder = new Writable({
    objectMode: true,
    write(record: Record<string, string>, _encoding, done) {
      const cell = record[column]
      if (cell === undefined) return done(new Error(`there is no column ${column}`))
      rows++
      sum += Number(cell)
      done()
    }
  })

  const file = await open(path)
  try {
    // The chunks are copies, so that the parser may keep them for as long as it likes. While it is busy, nothing
    // more is mapped.
    await pipeline(file.stream(), parse({ columns: true }), adder)
  } finally {
    await file.close()
  }

  console.log(`rows ${rows}`)
  console.log(`sum  ${sum}`)
}

await command(import.meta.url, 'usage: npx tsx examples/pipe-to-parser.ts FILE COLUMN', main)
