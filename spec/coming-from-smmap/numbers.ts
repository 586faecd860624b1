/** What smmap's tests draw their offsets from, but the same in every run. */
import { bytesAt } from '../support/files.js'

/** Bytes of the file that smmap's tests use: no multiple of anything. */
export const testSize = 1000 * 1000 * 8 + 5195

/** Whole numbers in `[0, below)`, as many as are asked for. */
export function numbers(seed: number, count: number, below: number): number[] {
  const bits = bytesAt(seed, 0, count * 8)
  return Array.from({ length: count }, (_, i) => Math.floor((bits.readUInt32LE(i * 8) / 2 ** 32) * below))
}
