/** The byte every scan looks for. It is in no work file, and it is what a lost page reads as. */
export const ABSENT = 0

export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB

/** `'4GiB'`, `'256MiB'`, `'4096'` as bytes. */
export function parseSize(text) {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)?$/i.exec(text) ?? []
  if (number === undefined) throw new RangeError(`not a size: ${text} (try 4GiB, 256MiB)`)
  const scale = { kib: KiB, mib: MiB, gib: GiB }[unit?.toLowerCase()] ?? 1
  return Math.round(Number(number) * scale)
}

export function formatSize(bytes) {
  for (const [unit, scale] of [
    ['GiB', GiB],
    ['MiB', MiB],
    ['KiB', KiB]
  ]) {
    if (Math.abs(bytes) >= scale) return `${Number((bytes / scale).toFixed(1))} ${unit}`
  }
  return `${bytes} B`
}
