/** What a run of the proof came to: as lines for a terminal, as tables for the page. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Row } from '../part.js'

/** What one part came to. */
export interface PartResult {
  name: string
  title: string
  rows: Row[]
}

/** What all of a run came to, and how to run it again. */
export interface RunResult {
  /** When it began. */
  date: Date
  scale: number
  seed: number
  seconds: number
  machine: string
  parts: PartResult[]
}

/** How a row stands: what was not tried here has neither failed nor shown anything. */
export function stands({ passed, tried }: Row): 'ok' | 'FAILED' | 'not tried' {
  if (!passed) return 'FAILED'
  return tried > 0 ? 'ok' : 'not tried'
}

/** The number of tries with what was tried: `10,000 truncations`. */
function tries({ tried, unit }: Row): string {
  return `${tried.toLocaleString('en')} ${unit}`
}

/** The rows of one part, for a terminal. */
export function partLines({ name, title, rows }: PartResult): string {
  const width = Math.max(...rows.map(row => tries(row).length))
  const lines = rows.map(row => {
    const head = `  ${stands(row).padEnd(9)}  ${tries(row).padStart(width)}  `
    const indent = ' '.repeat(head.length)
    return `${head}${row.claim}\n${indent}${row.result.replaceAll('\n', `\n${indent}`)}`
  })
  return `${name}: ${title}\n${lines.join('\n')}`
}

/** One line: how many rows stand, and what makes the run repeatable. */
export function summary({ parts, seed, scale, seconds }: RunResult): string {
  const rows = parts.flatMap(part => part.rows)
  const count = (how: ReturnType<typeof stands>) => rows.filter(row => stands(row) === how).length
  const counts = `${count('ok')} claims hold, ${count('FAILED')} failed`
  const untried = count('not tried') > 0 ? `, ${count('not tried')} not tried` : ''
  return `${counts}${untried}; seed ${seed}, scale ${scale}, ${seconds} s`
}

/** The run as Markdown: a table for each part. */
export function markdown(run: RunResult): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ')
  const tables = run.parts.map(({ name, title, rows }) => {
    const lines = rows.map(row => {
      const cells = [row.claim, tries(row), row.result, stands(row)].map(cell)
      return `| ${cells.join(' | ')} |`
    })
    return `### ${title}\n\n\`npm run prove -- --only ${name}\`\n\n| what holds | tried | seen | |\n|---|---|---|---|\n${lines.join('\n')}`
  })
  const head = `${run.date.toISOString().slice(0, 10)}: ${summary(run)}.\n${run.machine}.`
  return [head, ...tables].join('\n\n')
}

/**
 * Put text into a page in place of what stood between `<!-- NAME -->` and `<!-- /NAME -->`.
 *
 * @throws {Error} where the page has no such place
 */
export function fillIn(path: string, name: string, text: string): void {
  const page = readFileSync(path, 'utf8')
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${path} has no ${begin} with ${end} after it`)
  writeFileSync(path, `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`)
}
