import { fileURLToPath } from 'node:url'
import type { Part, Row } from '../part.js'
import { runCommand } from '../support/command.js'

/** Rounds of each of the driver's four threads. */
const ROUNDS = 2000

const script = fileURLToPath(new URL('../../scripts/sanitize.mjs', import.meta.url))

export const part: Part = {
  name: 'sanitizers',
  title: 'The C core under sanitizers',
  async run(proof) {
    const rounds = Math.max(100, Math.round(ROUNDS * proof.scale))
    const steps = [
      'driver, AddressSanitizer and UndefinedBehaviorSanitizer',
      'driver, ThreadSanitizer',
      'driver, valgrind',
      'specs on the sanitized addon'
    ]
    let done = 0
    const onLine = (line: string) => {
      if (steps.some(step => line.startsWith(`${step}: `))) proof.progress(++done / steps.length)
    }
    const args = [script, '--short', '--rounds', `${rounds}`, '--seed', `${proof.seed % 2 ** 31}`]
    const { output } = await runCommand(process.execPath, args, { signal: proof.signal, onLine })
    return steps.flatMap(step => rowOf(step, rounds, output))
  }
}

/** What the script said of a step; nothing where it left that out. */
function rowOf(step: string, rounds: number, output: string): Row[] {
  const said = new RegExp(`^${step}: (passed|FAILED)`, 'm').exec(output)?.[1]
  if (said === undefined && step.endsWith('valgrind')) return []
  const passed = said === 'passed'
  const found = /^found:\n((?: {2}.*\n?)+)/m.exec(output)?.[1]?.trim()
  if (step.startsWith('specs')) {
    const [counts = 'no counts', tried = '0'] = /^(\d+) passed, \d+ failed.*$/m.exec(output) ?? []
    return [
      {
        claim: 'Specs on an addon with AddressSanitizer and UndefinedBehaviorSanitizer: nothing is found.',
        tried: Number(tried),
        unit: 'specs',
        result: passed ? `nothing found; ${counts}` : (found ?? counts),
        passed: passed && found === undefined
      }
    ]
  }
  return [
    {
      claim: `Four threads map, read, write, release, cancel and truncate at random, under ${step.replace('driver, ', '')}: nothing is found, nothing left.`,
      tried: 4 * rounds,
      unit: 'rounds',
      result: passed ? 'nothing found' : (found ?? 'it was not run'),
      passed
    }
  ]
}
