/** Runs the matrix's program, and judges what it printed. */
import { join } from 'node:path'
import { run } from './processes.mjs'

/**
 * @param bench `app` and `data` of it
 * @param command what runs JavaScript; `words` before the program's path
 * @param expected of {@link judge}; with `words` after the program's path, `env`, `seconds`
 */
export async function runProgram(bench, command, words, expected = {}) {
  const program = [join(bench.app, 'program.mjs'), bench.data, ...(expected.words ?? [])]
  const { env, seconds } = expected
  return judge(await run(command, [...words, ...program], { cwd: bench.app, env, seconds }), expected)
}

/**
 * @param ran `status` and `output` of the program
 * @param expected `mapper`, default native; `warning`: the one process warning of slidemap's that has to be there,
 *   default none
 */
export function judge({ status, output }, { mapper = 'native', warning } = {}) {
  const line = output.split('\n').findLast(text => text.startsWith('{"runtime"'))
  if (!line) return { faults: [`the program ended with status ${status} and without an answer`], output }
  const answer = JSON.parse(line)
  const warnings = answer.warnings.filter(text => text.startsWith('SlidemapWarning'))
  const faults = answer.checks.filter(({ error }) => error).map(({ name, error }) => `${name}: ${error}`)
  if (answer.mapper !== mapper) faults.push(`it runs on ${answer.mapper}, not on ${mapper}`)
  if (warnings.length !== (warning ? 1 : 0) || (warning && !warning.test(warnings[0])))
    faults.push(`warnings: ${JSON.stringify(warnings, undefined, 2)}`)
  if (status !== 0 && faults.length === 0) faults.push(`the program ended with status ${status}`)
  const done = answer.checks.filter(({ error, left }) => !error && !left)
  const reasons = [...new Set(answer.checks.flatMap(({ left }) => left ?? []))]
  const left = reasons.map(reason => {
    const names = answer.checks.filter(check => check.left === reason).map(({ name }) => `"${name}"`)
    return `not ${names.join(', ')}: ${reason}`
  })
  return {
    faults,
    mapper: answer.mapper,
    runtime: answer.runtime,
    note: [`${done.length} checks`, ...left].join('; '),
    output: output.replace(line, '')
  }
}
