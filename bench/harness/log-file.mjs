import fs from 'node:fs'
import path from 'node:path'
import { checkRoom } from './machine.mjs'
import { formatSize, MiB } from './units.mjs'
import { readThrough } from './work-file.mjs'

/**
 * Make a log of `lines` lines, `size` bytes in all, ASCII with `'\n'` at the end of each; flushed, in the page cache.
 * Lines are 40 to about 230 bytes long. Answers a fixture.
 */
export function makeLog(folder, size, lines) {
  checkRoom(folder, size)
  const file = path.join(folder, 'log')
  console.error(`a log of ${formatSize(size)}, ${lines} lines`)
  const fd = fs.openSync(file, 'wx')
  let left = size
  let text = []
  let length = 0
  for (let i = 0; i < lines; i++) {
    const room = left - length
    // What is left, shared out among the lines that are left; longer and shorter in turns, the last one exact.
    const share = room / (lines - i)
    const bytes = i === lines - 1 ? room : Math.max(64, Math.round(share + ((i * 37) % 101) - 50))
    text.push(lineOf(i, bytes))
    length += bytes
    if (length > MiB || i === lines - 1) {
      fs.writeSync(fd, text.join(''))
      left -= length
      text = []
      length = 0
    }
  }
  fs.fsyncSync(fd)
  fs.closeSync(fd)
  readThrough(file)
  return { file, size, lines }
}

const WORDS = 'the window slides and the pages go while lines come one by one '.repeat(8)

function lineOf(i, bytes) {
  const head = `2026-01-01T00:00:00Z INFO request=${i} status=${200 + (i % 5)} `
  return `${head}${WORDS.slice(i % 60, (i % 60) + bytes - 1 - head.length)}\n`
}
