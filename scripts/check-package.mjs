/**
 * What `npm publish` would publish, checked: only what belongs in it, and nothing that makes npm run a script or a
 * compiler where it is installed.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const belongs =
  /^(dist\/.+\.(js|d\.ts)|native\/prebuilds\/.+\.node|docs\/(?!decisions).+\.md|README\.md|CHANGELOG\.md|LICENSE|package\.json)$/
const needed = ['dist/index.js', 'dist/index.d.ts', 'README.md', 'CHANGELOG.md', 'LICENSE', 'package.json']

// `npm` is a script that only a shell finds on Windows. Its own scripts print to the same stdout: it is built already.
const [pack] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32'
  })
)
const paths = pack.files.map(file => file.path)
// Of a Markdown file of the package: the files beside it that it links to.
const linked = path =>
  [...readFileSync(join(root, path), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) =>
    posix.join(posix.dirname(path), target)
  )
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const faults = [
  ...paths.filter(path => !belongs.test(path)).map(path => `${path} does not belong in the package`),
  ...needed.filter(path => !paths.includes(path)).map(path => `${path} is missing from the package`),
  ...paths
    .filter(path => path.endsWith('.md'))
    .flatMap(path => linked(path).map(target => [path, target]))
    .filter(([, target]) => !paths.includes(target))
    .map(([path, target]) => `${path} links to ${target}, which is not in the package`),
  ...['preinstall', 'install', 'postinstall']
    .filter(name => scripts[name])
    .map(name => `there is a script "${name}"`),
  ...(existsSync(join(root, 'binding.gyp')) ? ['a binding.gyp at the root makes npm compile'] : [])
]
for (const fault of faults) console.error(`package: ${fault}`)
if (faults.length > 0) process.exit(1)
console.log(`package: ${paths.length} files, ${pack.size} bytes packed, ${pack.unpackedSize} unpacked`)
