/** Amounts, as the demo reads and writes them. */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `'1.50 GiB'` */
export function inBytes(bytes: number): string {
  let unit = 0
  let amount = bytes
  for (; Math.abs(amount) >= 1024 && unit < units.length - 1; unit++) amount /= 1024
  return `${unit === 0 ? amount : amount.toFixed(amount < 10 ? 2 : 1)} ${units[unit]}`
}

/**
 * The bytes that `'256MiB'`, `'1.5 GiB'` or `'4096'` stand for.
 *
 * @throws an Error that says what was expected
 */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([KMGTP]iB|B)?$/i.exec(text.trim())
  const unit = units.findIndex(name => name.toLowerCase() === (match?.[2] ?? 'B').toLowerCase())
  const bytes = match ? Math.floor(Number(match[1]) * 1024 ** unit) : 0
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new Error(`"${text}" is no size: a number and B, KiB, MiB, GiB or TiB is expected, such as 256MiB`)
  }
  return bytes
}

/** Rows in columns: the first one from the left, the others from the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  return rows
    .map(row =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('   ')
    )
    .join('\n')
}
