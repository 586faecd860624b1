/** Finds the addon, and loads it. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Addon } from './addon.js'

/** Two levels below the root of the package, from lib/mapping/ and from dist/mapping/ alike. */
const NATIVE = new URL('../../native/', import.meta.url)

/**
 * The addon's file: the one that was built in this checkout, else the one that the package has for this platform.
 *
 * @param folder `native/` of the package, as a URL that ends in a slash
 * @param platform PLATFORM-ARCH
 * @throws {Error} where there is neither
 */
export function findAddon(folder = NATIVE, platform = `${process.platform}-${process.arch}`): string {
  const built = new URL('build/Release/slidemap.node', folder)
  const shipped = new URL(`prebuilds/${platform}/slidemap.node`, folder)
  const file = [built, shipped].find(url => existsSync(url))
  if (file === undefined) throw new Error(`there is no binary for ${platform}`)
  return fileURLToPath(file)
}

/**
 * Load the addon.
 *
 * @param file default {@link findAddon}
 * @throws {Error} where there is none, or as `require()` says it why it does not load: with ERR_DLOPEN_DISABLED where
 *   the permission model of the runtime forbids it
 */
export function loadAddon(file = findAddon()): Addon {
  return createRequire(import.meta.url)(file) as Addon
}
