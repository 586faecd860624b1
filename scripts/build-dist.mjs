/**
 * Build dist/: the modules of lib/ as few files, and their types.
 *
 * Finding, reading and linking a hundred small modules takes longer than running them: bundled, the package is imported
 * in less than half the time. What it depends on stays outside.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')

// Beside the old one, which stays until the new one is whole: nobody loads half of it.
const cache = join(root, 'node_modules/.cache')
mkdirSync(cache, { recursive: true })
const folder = mkdtempSync(join(cache, 'slidemap-dist-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const made = join(folder, 'dist')

const types = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', made], {
  cwd: root,
  stdio: 'inherit'
})
if (types.status !== 0) process.exit(1)

// The entrance has no code of its own, only where everything is: bundlers then leave out what is not imported.
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { main: 'lib/index.ts', 'mapping/conformance': 'lib/mapping/conformance.ts' },
  outdir: made,
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
for (const file of Object.keys(metafile.outputs)) {
  const path = join(root, file)
  writeFileSync(path, withNames(withConstants(withBuiltinsAtHand(readFileSync(path, 'utf8'), file))))
}
const [all, shared] = ['main', 'shared'].map(name => metafile.outputs[outputName(`${name}.js`)].exports)
const entrance = [
  `export { ${all.filter(name => shared.includes(name)).join(', ')} } from './shared.js'`,
  `export { ${all.filter(name => !shared.includes(name)).join(', ')} } from './main.js'`
]
writeFileSync(join(made, 'index.js'), `${entrance.join('\n')}\n`)

// Modules that are gone from lib/ go with it.
rmSync(join(root, 'dist'), { recursive: true, force: true })
renameSync(made, join(root, 'dist'))

/** As esbuild names it: from the root, with slashes. */
function outputName(name) {
  return relative(root, join(made, name)).replaceAll('\\', '/')
}

/**
 * Take what a file imports of Node's own modules out of these instead: what imports one has the runtime look at all that it
 * exports, and asked for some of that (fs.promises, fs.ReadStream) it loads the half of Node, with streams and the web's.
 */
function withBuiltinsAtHand(code, file) {
  const changed = code.replace(
    /^import (?:(\{[^}]*\})|(?:\* as )?([\w$]+)) from ("node:[^"]+");$/gm,
    (_, names, name, module) =>
      `const ${name ?? names.replaceAll(' as ', ': ')} = globalThis.process.getBuiltinModule(${module});`
  )
  const left = changed.match(/^.*\bfrom "node:.*$/m)
  if (left) throw new Error(`${file}: ${left[0]}`)
  return changed
}

/**
 * Give back what bundling takes: outside of functions it turns `const` into `var`. V8 compiles a constant into the code that
 * uses it, but loads a variable each time, and finds out anew what kind of number it is: a division by one is a division.
 */
function withConstants(code) {
  // Those that change are declared without a value.
  return code.replace(/^var (?=[\w$]+ = )/gm, 'const ')
}

/**
 * Give classes their own names back: one that speaks of itself is bundled as `const Name = class _Name`, and would be called
 * that in traces and where it is printed.
 */
function withNames(code) {
  for (const [, name] of code.matchAll(/^const ([\w$]+) = class _\1 /gm))
    code = code.replace(new RegExp(`\\b_${name}\\b`, 'g'), name)
  return code
}

/** As a file of its own, beside those that import it. */
function keepCommonJs({ onResolve }) {
  onResolve({ filter: /\.cjs$/ }, ({ path, resolveDir }) => {
    copyFileSync(join(resolveDir, path), join(made, basename(path)))
    return { path: `./${basename(path)}`, external: true }
  })
}
