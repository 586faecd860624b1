/**
 * Places: where the bytes of a source are. The layers above know what a source is; sequences know its place.
 */
import { SlidemapError } from '../errors.js'
import type { HandleSource } from '../manager/handles.js'
import type { OpenFile } from '../manager/open-file.js'
import type { View } from './windows.js'

/** A stretch of a file that is to be opened, or that somebody has open. */
export interface Place {
  readonly handle: HandleSource
  /** Bytes from the start of the file. */
  readonly start: number
  /** Byte after the last; Infinity for the end of the file. */
  readonly end: number
  /** The file itself, where it is open: to be used, and left open. */
  readonly lent?: Pick<View, 'file' | 'windowSize' | 'prefetch'>
}

/**
 * How many bytes of an open file lie at a place.
 *
 * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for a start past the end
 */
export function lengthAt({ start, end }: Place, file: OpenFile): number {
  const last = Math.min(end, file.size)
  if (start <= last) return last - start
  throw new SlidemapError('ERR_MAP_OUT_OF_RANGE', `start ${start} is past the end, ${last}`, {
    path: file.path,
    offset: start
  })
}
