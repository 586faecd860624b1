import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Search } from './consumers.mjs'
import { GiB, MiB } from './units.mjs'

/** Where scripts/install-mmap-io.mjs puts it: it does not build by itself on current versions of Node. */
const home = path.join(import.meta.dirname, '../../node_modules/.cache/slidemap-mmap-io/package.json')

/** It cannot map beyond; whole windows of 16 MiB. */
const REACH = 2 * GiB - 16 * MiB

function load() {
  try {
    return createRequire(home)('mmap-io')
  } catch {
    return undefined
  }
}

/**
 * mmap-io through a file as far as it can, in windows of `window` bytes, which the collector unmaps: `[]` where it
 * cannot be had. Asked by the parent and by each child: the answer is the same.
 */
export function mmapIoContestants(kinds) {
  const mmap = load()
  if (!mmap) return []
  return kinds.map(([name, window]) => ({
    name,
    role: 'peer',
    // The file is the same one: what it does not reach, it is not asked for.
    fixture: ({ file, size }) => ({ file, size: Math.min(size, REACH) }),
    prepare: () => file => {
      const search = new Search()
      const fd = fs.openSync(file)
      const size = Math.min(fs.fstatSync(fd).size, REACH)
      for (let at = 0; at < size; at += window) {
        search.take(mmap.map(Math.min(window, size - at), mmap.PROT_READ, mmap.MAP_PRIVATE, fd, at))
      }
      fs.closeSync(fd)
      return search.bytes
    }
  }))
}

/** One look-up after the other in one mapping of the whole file: `read(buffer)` is put on the clock. */
export function mmapIoWhole(contestants) {
  const mmap = load()
  if (!mmap) return []
  return contestants.map(({ name, read }) => ({
    name,
    role: 'peer',
    prepare: () => file => {
      const fd = fs.openSync(file)
      const { size } = fs.fstatSync(fd)
      const outcome = read(mmap.map(size, mmap.PROT_READ, mmap.MAP_PRIVATE, fd, 0))
      fs.closeSync(fd)
      return outcome
    }
  }))
}
