/**
 * What may be absent here: mmap-io, which `node scripts/install-mmap-io.mjs` puts aside for the specs, and the addon,
 * which needs a compiler. Without them their tests are pending; on the machines that check all of it (CI=true) they fail.
 */
import { createRequire } from 'node:module'
import type { Addon } from '../../lib/mapping/addon.js'
import { loadAddon } from '../../lib/mapping/load-addon.js'
import type { MmapIo } from '../../lib/mapping/mmap-io.js'

/** For `before()`. */
export function requireMmapIo(this: Mocha.Context): void {
  present(this, mmapIo)
}

/** For `before()`. */
export function requireAddon(this: Mocha.Context): void {
  present(this, addon)
}

/** The module; throws why there is none. */
export function mmapIo(): MmapIo {
  const folder = new URL('../../node_modules/.cache/slidemap-mmap-io/package.json', import.meta.url)
  return load(
    () => createRequire(folder)('mmap-io') as MmapIo,
    'mmap-io is not installed for the specs; run `node scripts/install-mmap-io.mjs`'
  )
}

/** The addon; throws why there is none. */
export function addon(): Addon {
  return load(loadAddon, 'the addon is not built; run `npm run build:native`')
}

function load<T>(loader: () => T, message: string): T {
  try {
    return loader()
  } catch (cause) {
    throw new Error(message, { cause })
  }
}

function present(context: Mocha.Context, loader: () => unknown): void {
  try {
    loader()
  } catch (error) {
    if (process.env.CI === 'true') throw error
    context.skip()
  }
}
