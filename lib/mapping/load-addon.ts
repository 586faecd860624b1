/** Finds the addon, and loads it. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Addon } from './addon.js'

/**
 * `native/` of the package that this module is of: in the folder of the nearest package.json above it. A bundle of
 * modules lies elsewhere than they do.
 *
 * @throws {Error} where there is none above it: it was bundled into something else
 */
function nativeFolder(): URL {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    if (existsSync(new URL('package.json', folder))) return new URL('native/', folder)
    if (folder.pathname === new URL('..', folder).pathname) throw new Error('there is no package around it')
  }
}

/**
 * The addon's file: the one that was built in this checkout, else the one that the package has for this platform.
 *
 * @param folder `native/` of the package, as a URL that ends in a slash
 * @param platform PLATFORM-ARCH
 * @throws {Error} where there is neither
 */
export function findAddon(folder = nativeFolder(), platform = `${process.platform}-${process.arch}`): string {
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
