/**
 * Build dist/: the modules of lib/ as few files, and their types.
 *
 * Finding, reading and linking a hundred small modules takes longer than running them: bundled, the package is imported
 * in less than half the time. What it depends on stays outside.
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')

// Modules that are gone from lib/ would otherwise stay in the package.
rmSync(join(root, 'dist'), { recursive: true, force: true })

const types = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (types.status !== 0) process.exit(1)

await build({
  absWorkingDir: root,
  entryPoints: ['lib/index.ts', 'lib/mapping/conformance.ts'],
  outbase: 'lib',
  outdir: 'dist',
  bundle: true,
  splitting: true,
  chunkNames: 'shared',
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning'
})
