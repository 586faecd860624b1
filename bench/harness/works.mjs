import fs from 'node:fs'
import path from 'node:path'

const folder = path.join(import.meta.dirname, '..', 'works')

/** In the order of a run of all, and of docs/performance.md. */
const ORDER = [
  'scan',
  'streams',
  'cold',
  'loop',
  'lines',
  'random',
  'concat',
  'csv',
  'memory',
  'many',
  'growth',
  'startup'
]

/** The names of all works: those of ORDER, and any other one that there is. */
export function workNames() {
  const names = fs
    .readdirSync(folder)
    .filter(name => name.endsWith('.mjs'))
    .map(name => path.basename(name, '.mjs'))
  return [...ORDER.filter(name => names.includes(name)), ...names.filter(name => !ORDER.includes(name))]
}

/**
 * The tables of a work: `bench/works/NAME.mjs` exports one by default, or an array of them.
 *
 * A table is `{ name, title, contestants, goals }` and, as needed
 * - `fixture(folder, context)`: makes what is read and answers `{ file, size, items? }`; default the work file
 * - `share`: of the work file's size, where that is the fixture
 * - `unit`: what is counted instead of bytes; `items` of the fixture say how many of them `size` is
 * - `cold`: the page cache forgets the file before each run; `loop`: the event loop's delays are measured;
 *   `sampled`: memory is sampled over time
 * - `times`: rounds for one of `--runs`, where a run is short
 * - `metric`: the name of the figure that is the result, where that is not the rate
 * - `chart`: see charts.mjs
 *
 * A contestant is `{ name, role, prepare }`, with `mode` or `command` in place of `prepare` (see run-one.mjs); its role
 * is `ours`, `limit`, `peer`, or `baseline` for what is no competition. `prepare(variant, file)` answers a function of
 * the file that is put on the clock and answers bytes (or items) seen, or `{ bytes, ns?, figures? }`.
 */
export async function tablesOf(work) {
  const { default: tables } = await import(`../works/${work}.mjs`)
  return [tables].flat().map(table => ({ name: work, ...table, work }))
}
