/**
 * Build dist/: the modules of lib/ as few files, and their types.
 *
 * Finding, reading and linking a hundred small modules takes longer than running them: bundled, the package is imported
 * in less than half the time. What it depends on stays outside.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')

// Modules that are gone from lib/ would otherwise stay in the package.
rmSync(join(root, 'dist'), { recursive: true, force: true })

const types = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (types.status !== 0) process.exit(1)

// The entrance has no code of its own, only where everything is: bundlers then leave out what is not imported.
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { main: 'lib/index.ts', 'mapping/conformance': 'lib/mapping/conformance.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  chunkNames: 'shared',
  packages: 'external',
  plugins: [{ name: 'CommonJS stays', setup: keepCommonJs }],
  metafile: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning'
})
const [all, shared] = ['main', 'shared'].map(name => metafile.outputs[`dist/${name}.js`].exports)
const entrance = [
  `export { ${all.filter(name => shared.includes(name)).join(', ')} } from './shared.js'`,
  `export { ${all.filter(name => !shared.includes(name)).join(', ')} } from './main.js'`
]
writeFileSync(join(root, 'dist/index.js'), `${entrance.join('\n')}\n`)

/** As a file of its own, beside those that import it. */
function keepCommonJs({ onResolve }) {
  onResolve({ filter: /\.cjs$/ }, ({ path, resolveDir }) => {
    copyFileSync(join(resolveDir, path), join(root, 'dist', basename(path)))
    return { path: `./${basename(path)}`, external: true }
  })
}
