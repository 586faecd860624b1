/** The errors that a file refuses with. */
import { SlidemapError } from '../errors.js'

/** Somebody asks a file that was closed. */
export function fileClosed(path: string | undefined): SlidemapError {
  return new SlidemapError('ERR_MAP_CLOSED', `${nameOf(path)} is closed`, { path })
}

/** What somebody had of a file was released under them. */
export function fileUnmapped(path: string | undefined): SlidemapError {
  return new SlidemapError('ERR_MAP_RELEASED', `${nameOf(path)} was unmapped`, { path })
}

/** A file of `size` bytes was to reach `end`. */
export function fileTruncated(path: string | undefined, size: number, end: number): SlidemapError {
  const message = `${nameOf(path)} ends at ${size} now, short of ${end}`
  return new SlidemapError('ERR_MAP_FILE_TRUNCATED', message, { path, offset: size, length: end - size })
}

function nameOf(path: string | undefined): string {
  return path === undefined ? 'the file' : `'${path}'`
}
