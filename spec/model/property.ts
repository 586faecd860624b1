/** The property itself: what every program has to show. */
import fc from 'fast-check'
import { programs, text } from './program.js'
import { type ModelMapper, runProgram } from './run.js'

/** Try programs; rejects with the shortest that fails, as text, and with what was wrong. */
export function holdsOnAll(mapper: ModelMapper, how: { numRuns: number; seed: number }): Promise<void> {
  const readable = programs.map(program => ({ program, [fc.toStringMethod]: () => text(program) }))
  const property = fc.asyncProperty(readable, ({ program }) => runProgram(mapper, program))
  return fc.assert(property, { ...how, includeErrorInReport: true })
}
