/**
 * What the page cache holds of a file, as the operating system says: a witness that is not the library.
 */
import { closeSync, fsyncSync, openSync, statSync } from 'node:fs'
import { addon, release, runSync } from './addon.js'

/** For each page of a file, 1 if it is in the cache and 0 if not. */
export function cachedPages(path: string): Uint8Array {
  // Mapped and not touched: looking changes nothing.
  const mapped = runSync(path, { length: statSync(path).size })
  const pages = new Uint8Array(Math.ceil(statSync(path).size / addon.pageSize))
  const errno = addon.resident(mapped.slot, mapped.serial, pages)
  release(mapped)
  if (errno !== 0) throw new Error(`mincore failed with ${errno}`)
  return pages.map(page => page & 1)
}

/** How many pages of a file are in the cache. */
export function countCached(path: string): number {
  return cachedPages(path).reduce((sum, page) => sum + page, 0)
}

/** Let the cache forget a file. Answers whether it did: some file systems have nowhere else to keep their bytes. */
export function dropFromCache(path: string): boolean {
  const fd = openSync(path, 'r+')
  try {
    // Pages that were not written yet cannot be forgotten.
    fsyncSync(fd)
    // A page that the kernel looks at just then, to take it back by itself, stays.
    for (let attempt = 0; attempt < 10; attempt++) {
      addon.forget(fd, 0, 0)
      if (countCached(path) === 0) return true
    }
    return false
  } finally {
    closeSync(fd)
  }
}
