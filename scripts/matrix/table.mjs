/** The matrix as a table, and its place in docs/platforms.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './package.mjs'

const begin = '<!-- the matrix, written by `npm run test:matrix -- --write` -->'
const end = '<!-- end of the matrix -->'

/** In Markdown. */
export function tableOf(results) {
  const rows = results.map(({ platform, runtime, verdict, mapper, note }) => [
    platform,
    runtime.replace(/ (--.+)$/, ' `$1`'),
    verdict === 'hole' ? '' : `\`${mapper ?? '?'}\``,
    verdict === 'hole' ? `not tried: ${note}` : verdict === 'passed' ? `passed: ${note}` : '**failed**'
  ])
  return [['platform', 'runtime', 'mapper', 'result'], ['---', '---', '---', '---'], ...rows]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n')
}

/** Put it in place of the one that is there. */
export function writeTable(table) {
  const file = join(root, 'docs/platforms.md')
  const text = readFileSync(file, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`${file} has no place for the table`)
  writeFileSync(file, `${text.slice(0, from)}${begin}\n\n${table}\n\n${text.slice(to)}`)
}
