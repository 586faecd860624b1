/**
 * The mappers that specs run on: every one that loads here. In CI all must.
 */
import { fileURLToPath } from 'node:url'
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

/**
 * Those whose mappings are the file's own pages: what is cut off the file is lost under them, and the operating system
 * lists them. `read` makes copies, and so does `native` where the runtime forbids external buffers
 * (`npm run test:no-external-buffers`).
 */
export const mappingMappers: RealMapper[] = realMappers.filter(name => {
  const mapper = chooseMapper(name, () => {})
  const { fd, mapping } = mapper.runSync({ target: fileURLToPath(import.meta.url), length: 1 })
  mapper.closeSync(fd)
  mapping?.unmap()
  mapper.drain()
  return !mapping?.copied
})

/** Skip a test or a suite that by its subject needs the native mapper to map the file's own pages. */
export function needsMappings(this: Mocha.Context): void {
  if (!mappingMappers.includes('native')) this.skip()
}

/** Turns of the event loop, each with a collection, until `done` or too many. Answers whether it came true. */
export async function collectedUntil(done: () => boolean, turns = 2_000): Promise<boolean> {
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
