import { createRequire } from 'node:module'
import { iterate, Search } from './consumers.mjs'

/** The built library, what its users import and not its sources, with its addon and what it loads with the first stream. */
async function load() {
  const slidemap = await import('../../dist/index.js').catch(cause => {
    throw new Error('slidemap is not built: node scripts/build.mjs', { cause })
  })
  createRequire(new URL('../../dist/index.js', import.meta.url))('streamx')
  // Without the addon it would read, with a warning, and these would be the figures of something else.
  await new slidemap.MapManager({ mapper: 'native' }).close()
  return slidemap
}

/**
 * A contestant's `prepare`: a manager and a file of its own for `use(file, manager)`, opening and closing on the clock.
 * Not the manager, which loads the addon: what others load is loaded as well, and what starting costs is another work.
 */
export function withFile(use, options) {
  return async () => {
    const { MapManager } = await load()
    const manager = new MapManager(options)
    return async path => {
      const file = await manager.open(path)
      const outcome = await use(file, manager)
      await file.close()
      await manager.close()
      return outcome
    }
  }
}

/** A contestant's `prepare`: `use(slidemap, path)` answers what is run on the clock. */
export function prepared(use) {
  return async (_variant, path) => use(await load(), path)
}

/** The same as {@link withFile} for `use(manager, path)`, with a manager alone. */
export function withManager(use, options) {
  return async () => {
    const { MapManager } = await load()
    return async path => {
      const manager = new MapManager(options)
      const bytes = await use(manager, path)
      await manager.close()
      return bytes
    }
  }
}

export async function scanWindows(file) {
  const search = new Search()
  for await (const window of file.windows()) search.take(window.bytes)
  return search.bytes
}

export const scanStream = file => iterate(file.stream())

export function scanWindowsSync(file) {
  const search = new Search()
  for (const window of file.windowsSync()) search.take(window.bytes)
  return search.bytes
}
