/**
 * Parse a CSV file of any size with csv-parse: says of each column how many cells are filled, the longest of them,
 * and their sum where all are numbers.
 *
 *     npx tsx examples/csv.ts FILE
 */
import { pipeline } from 'node:stream/promises'
import { parse } from 'csv-parse'
import { open } from '../lib/index.js'
import { command } from './support/command.js'

class Column {
  filled = 0
  longest = 0
  sum = 0

  add(cell: string): void {
    if (cell === '') return
    this.filled++
    if (cell.length > this.longest) this.longest = cell.length
    // NaN from the first cell on that is no number.
    this.sum += Number(cell)
  }
}

export async function main(path: string): Promise<void> {
  let names: string[] = []
  let columns: Column[] = []
  let rows = 0

  const file = await open(path)
  try {
    // csv-parse keeps the tail of a chunk until the next one comes, so the chunks must be copies, as they are by
    // default. It emits all rows of a chunk at once whatever the backpressure: chunks are small, windows are large.
    await pipeline(file.stream(), parse({ bom: true }), async (records: AsyncIterable<string[]>) => {
      for await (const record of records) {
        if (names.length === 0) {
          names = record
          columns = record.map(() => new Column())
          continue
        }
        rows++
        for (const [at, column] of columns.entries()) column.add(record[at] ?? '')
      }
    })
  } finally {
    await file.close()
  }

  console.log(`rows ${rows}`)
  for (const [at, { filled, longest, sum }] of columns.entries()) {
    console.log(
      `${names[at]}: ${filled} filled, longest ${longest}${Number.isNaN(sum) ? '' : `, sum ${sum}`}`
    )
  }
}

await command(import.meta.url, 'usage: npx tsx examples/csv.ts FILE', main)
