import fs from 'node:fs'
import path from 'node:path'
import { checkRoom } from './machine.mjs'
import { formatSize, MiB } from './units.mjs'

/**
 * Make a CSV file of at least `size` bytes and whole rows: numbers, words, and cells in quotes with commas, quotes and
 * line ends in them. Flushed, and in the page cache. Answers a fixture.
 */
export function makeCsv(folder, size) {
  checkRoom(folder, size + MiB)
  const file = path.join(folder, 'table.csv')
  console.error(`a CSV file of ${formatSize(size)}`)
  const fd = fs.openSync(file, 'wx')
  let written = 0
  for (let row = 0; written < size; ) {
    const rows = []
    for (const last = row + 8192; row < last; row++) rows.push(rowOf(row))
    written += fs.writeSync(fd, rows.join(''))
  }
  fs.fsyncSync(fd)
  fs.closeSync(fd)
  return { file, size: written }
}

function rowOf(row) {
  const note =
    row % 7 === 0 ? `"a ""quoted"" cell, of row ${row}\nin two lines"` : `a plain cell of row ${row}`
  return `${row},customer ${row % 9973},${(row % 100_000) / 100},2026-01-${(row % 28) + 1},${note}\n`
}
