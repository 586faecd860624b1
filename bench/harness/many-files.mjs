import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { checkRoom } from './machine.mjs'
import { ABSENT } from './units.mjs'

/**
 * Make a folder of `files` files of `length` bytes each, without the byte `ABSENT`; just written, they are in the page
 * cache. Answers a fixture: `file` is the folder, `size` the bytes in all.
 */
export function makeManyFiles(parent, files, length) {
  checkRoom(parent, files * length)
  const folder = path.join(parent, `${files} files`)
  fs.mkdirSync(folder)
  const content = crypto.randomBytes(length)
  for (let i = 0; i < length; i++) if (content[i] === ABSENT) content[i] = 1
  for (let i = 0; i < files; i++) {
    content.write(`file ${i}\n`)
    fs.writeFileSync(path.join(folder, String(i).padStart(8, '0')), content)
  }
  return { file: folder, size: files * length, files }
}

/** The files of the folder in order. */
export function pathsIn(folder) {
  return fs
    .readdirSync(folder)
    .sort()
    .map(name => path.join(folder, name))
}
