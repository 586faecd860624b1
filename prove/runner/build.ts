/** The library as one JavaScript file, built anew: for Workers and processes that are to start fast. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type PluginBuild } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A build of its own, so that nothing stale is tried; below the checkout, where it finds the addon. */
export async function buildLibrary(): Promise<{ url: string; remove(): void }> {
  const cache = join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'slidemap-prove-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  const outfile = join(folder, 'index.mjs')
  await build({
    entryPoints: [join(root, 'lib/index.ts')],
    outfile,
    bundle: true,
    packages: 'external',
    plugins: [{ name: 'CommonJS stays', setup: keepCommonJs }],
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'warning'
  })
  return { url: pathToFileURL(outfile).href, remove }
}

/** Where it is. */
function keepCommonJs({ onResolve }: PluginBuild): void {
  onResolve({ filter: /\.cjs$/ }, ({ path, resolveDir }) => ({
    path: resolve(resolveDir, path),
    external: true
  }))
}
