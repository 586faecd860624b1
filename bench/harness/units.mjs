/** The byte every scan looks for. It is in no work file, and it is what a lost page reads as. */
export const ABSENT = 0

export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB
export const TiB = 1024 * GiB

/** `'4GiB'`, `'256MiB'`, `'4096'` as bytes. */
export function parseSize(text) {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB|TiB)?$/i.exec(text) ?? []
  if (number === undefined) throw new RangeError(`not a size: ${text} (try 4GiB, 256MiB)`)
  const scale = { kib: KiB, mib: MiB, gib: GiB, tib: TiB }[unit?.toLowerCase()] ?? 1
  return Math.round(Number(number) * scale)
}

export function formatSize(bytes) {
  for (const [unit, scale] of [
    ['TiB', TiB],
    ['GiB', GiB],
    ['MiB', MiB],
    ['KiB', KiB]
  ]) {
    if (Math.abs(bytes) >= scale) return `${Number((bytes / scale).toFixed(1))} ${unit}`
  }
  return `${bytes} B`
}

/** What is counted in a second, with the prefix that leaves one to three digits before the point. */
export function scaleOf(perSecond, unit = 'byte') {
  if (unit === 'byte') return { scale: 1e9, label: 'GB/s' }
  const [scale, prefix] = [
    [1e6, 'million '],
    [1e3, 'thousand '],
    [1, '']
  ].find(([least]) => perSecond >= least) ?? [1, '']
  return { scale, label: `${prefix}${unit}s/s` }
}

/** `12.3 GB/s`, `4.56 million lines/s`. */
export function formatRate(perSecond, unit) {
  const { scale, label } = scaleOf(perSecond, unit)
  return `${formatNumber(perSecond / scale)} ${label}`
}

/** Three digits that count; whole numbers from 100 on. */
export function formatNumber(number) {
  if (number === 0) return '0'
  return Math.abs(number) >= 100
    ? Math.round(number).toLocaleString('en-US')
    : Number(number.toPrecision(3)).toString()
}

/** What a contestant is judged by besides its rate: its name for people, and its unit. */
export const FIGURES = {
  cpuPerGiB: { label: 'processor time per GiB', unit: 's' },
  collections: { label: 'collections', unit: '' },
  rssGrowth: { label: 'peak growth of RSS', unit: 'bytes' },
  heapGrowth: { label: 'growth of the heap', unit: 'bytes' },
  peakMapped: { label: 'peak of mapped bytes, as the manager counts', unit: 'bytes' },
  sampledMapped: { label: 'most mapped bytes of the file, as the OS says', unit: 'bytes' },
  loopP50: { label: 'event-loop delay, p50', unit: 'ms' },
  loopP99: { label: 'event-loop delay, p99', unit: 'ms' },
  loopMax: { label: 'event-loop delay, longest', unit: 'ms' },
  time: { label: 'time', unit: 'ms' }
}

/** A figure with its unit, as in `12.3 ms` or `64 MiB`. */
export function formatFigure(name, value) {
  const { unit } = FIGURES[name]
  if (unit === 'bytes') return formatSize(Math.round(value))
  return `${formatNumber(value)}${unit && ` ${unit}`}`
}
