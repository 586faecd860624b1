/**
 * What `npm publish` would publish, packed and checked: it has what users need and nothing else, nothing in it makes npm
 * run a script or a compiler where it is installed, publint and attw have nothing to say, and a bundler can leave out
 * what is not imported.
 *
 * Packs what is built: `node scripts/build.mjs` and `npm run prebuild -- --all` come first.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { targets } from './targets/index.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const windows = process.platform === 'win32'
const belongs =
  /^(dist\/.+\.(js|cjs|d\.ts)|native\/prebuilds\/.+\.node|docs\/(?!decisions).+\.md|docs\/(charts\/.+|soak)\.svg|README\.md|CHANGELOG\.md|LICENSE|package\.json)$/
const needed = [
  'dist/index.js',
  'dist/index.d.ts',
  ...targets.map(({ name }) => `native/prebuilds/${name}/slidemap.node`),
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'package.json'
]
/** Bytes, minified, of a program that imports the error class only. */
const MOST_OF_ONE_CLASS = 1000

const folder = mkdtempSync(join(tmpdir(), 'slidemap-package-'))
try {
  const pack = packInto(folder)
  const tarball = join(folder, pack.filename)
  const installed = join(folder, 'node_modules/slidemap')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])

  const faults = contents(pack.files.map(file => file.path))
  if (faults.length === 0) faults.push(...(await quality(tarball, installed)))
  for (const fault of faults) console.error(`package: ${fault}`)
  if (faults.length > 0) process.exitCode = 1
  console.log(`package: ${pack.files.length} files, ${pack.size} bytes packed, ${pack.unpackedSize} unpacked`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** What is wrong with what is there. */
async function quality(tarball, installed) {
  const one = await bundle(`export { SlidemapError } from 'slidemap'`)
  const all = await bundle(`export * from 'slidemap'`)
  console.log(`package: ${one} bytes when bundled for one class, ${all} for everything`)
  return [
    ...scripts(JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))),
    ...say('publint', ['run', tarball, '--strict']),
    // CommonJS may require an ES module wherever slidemap runs; subpaths are new to what resolves as Node 10 did.
    ...say('attw', [tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm']),
    ...(one > MOST_OF_ONE_CLASS
      ? [`importing one class takes ${one} bytes: a bundler keeps more than that`]
      : [])
  ]
}

/** `npm` is a script that only a shell finds on Windows. Its own scripts print to the same stdout: it is built already. */
function packInto(destination) {
  const arguments_ = ['pack', '--json', '--ignore-scripts', '--pack-destination', destination]
  const printed = execFileSync('npm', arguments_, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: windows
  })
  // An array, or from npm 12 on an object by name.
  const [pack] = Object.values(JSON.parse(printed))
  return pack
}

function contents(paths) {
  return [
    ...paths.filter(path => !belongs.test(path)).map(path => `${path} does not belong in the package`),
    ...needed.filter(path => !paths.includes(path)).map(path => `${path} is missing from the package`),
    ...paths
      .filter(path => path.endsWith('.md'))
      .flatMap(path => linked(path).map(target => [path, target]))
      .filter(([, target]) => !paths.includes(target))
      .map(([path, target]) => `${path} links to ${target}, which is not in the package`)
  ]
}

/** Of a Markdown file of the package: the files beside it that it links to. */
function linked(path) {
  const links = readFileSync(join(root, path), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)
  return [...links].map(([, target]) => posix.join(posix.dirname(path), target))
}

/** What npm would run, or tell its user that it did not. */
function scripts(manifest) {
  return [
    ...['preinstall', 'install', 'postinstall', 'prepare']
      .filter(name => manifest.scripts[name])
      .map(name => `there is a script "${name}"`),
    ...(existsSync(join(root, 'binding.gyp')) ? ['a binding.gyp at the root makes npm compile'] : [])
  ]
}

/** Run a development dependency's command, and answer what it printed where it failed. */
function say(command, args) {
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin', command), args, {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
    shell: windows
  })
  return status === 0 ? [] : [`${command}:\n${stdout}${stderr}`]
}

/** Bytes of a program, bundled with the package and minified, without what the package depends on. */
async function bundle(contents) {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    external: Object.keys(dependencies)
  })
  return outputFiles[0].contents.length
}
