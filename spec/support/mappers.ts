/**
 * The mappers that specs run on: every one that loads here. In CI all must.
 */
import { chooseMapper } from '../../lib/mapping/choose.js'

export type RealMapper = 'native' | 'read'

/** Mappers that detach at release, fastest first. */
export const realMappers: RealMapper[] = (['native', 'read'] as const).filter(name => {
  try {
    chooseMapper(name, () => {})
    return true
  } catch (error) {
    if (process.env.CI) throw error
    return false
  }
})

/** Turns of the event loop, each with a collection, until `done` or too many. Answers whether it came true. */
export async function collectedUntil(done: () => boolean, turns = 100): Promise<boolean> {
  for (let turn = 0; turn < turns && !done(); turn++) {
    global.gc?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  return done()
}

/** Turns of the event loop until `done` or too many: for what happens on the thread pool. */
export async function eventually(done: () => boolean, turns = 1_000_000): Promise<void> {
  for (let turn = 0; !done(); turn++) {
    if (turn === turns) throw new Error('it never came true')
    await new Promise(resolve => setImmediate(resolve))
  }
}
