import { expect } from 'chai'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The layers of lib/, from the bottom up. A file imports from its own group and from rows below it, types included.
 *
 * A group is a folder (with a slash) or a few files, named together because they may import each other. Groups in one
 * row are siblings: they do not know of each other. A file that has no place here fails; give it one.
 */
const layers = [
  ['errors range diagnostics arguments abort lazily queue buffer-over'],
  ['mapping/'],
  ['manager/'],
  ['window'],
  ['access/', 'sequence/'],
  ['file'],
  ['source'],
  ['map-manager'],
  ['index'],
  ['cli/']
]

/** Where state of the whole process may live: the default manager, and nothing else. */
const stateful = /^index\.ts$/

const maxLines = 420

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

interface Place {
  row: number
  group: string
}

/** Where a file of lib/ belongs; `path` is relative to lib/, with or without its extension. */
function placeOf(path: string): Place | undefined {
  const name = path.replace(/\.(ts|js)$/, '')
  for (const [row, groups] of layers.entries()) {
    for (const group of groups) {
      if (group.endsWith('/') ? name.startsWith(group) : group.split(' ').includes(name))
        return { row, group }
    }
  }
  return undefined
}

/** What is wrong with an import, or undefined. */
function wrongImport(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  const target = posix.join(posix.dirname(file), specifier)
  if (target.startsWith('..')) return `lib/${file} imports '${specifier}', which is outside of lib/`
  const from = placeOf(file)
  const to = placeOf(target)
  if (!from) return `lib/${file} has no place in the layers`
  if (!to) return `lib/${file} imports '${specifier}', which has no place in the layers`
  if (from.group === to.group || to.row < from.row) return undefined
  const direction = to.row === from.row ? 'beside' : 'above'
  return `lib/${file} imports '${specifier}', which lies ${direction} it`
}

/** What a module imports and exports from, `import type` and `import()` included. */
function importsOf(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  return [...code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*(['"])(.+?)\1/g)].map(match => match[2] ?? '')
}

/** What makes a module stateful: the lines at its top level that declare something that changes. */
function stateOf(source: string): string[] {
  const variable = /^(?:export )?(?:let|var) .*$/gm
  const emptyCollection =
    /^(?:export )?const \w+.*= (?:\[\]|new (?:Map|Set|Array)(?:<.*>)?\(\))(?: as .*)?$/gm
  return [...(source.match(variable) ?? []), ...(source.match(emptyCollection) ?? [])]
}

function filesOf(folder: string, kind: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && kind.test(entry.name))
    .map(entry => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter(path => !/^native\/(build|prebuilds)\//.test(path))
}

const modules = filesOf('lib', /\.ts$/).map(path => ({
  name: path.slice('lib/'.length),
  source: readFileSync(join(root, path), 'utf8')
}))

describe('the layers', () => {
  it('give every file of lib/ a place', () => {
    expect(modules).to.not.be.empty
    expect(modules.map(({ name }) => name).filter(name => !placeOf(name))).to.deep.equal([])
  })

  it('are imported downwards only', () => {
    const wrong = modules.flatMap(({ name, source }) =>
      importsOf(source).flatMap(specifier => wrongImport(name, specifier) ?? [])
    )
    expect(wrong).to.deep.equal([])
  })

  it('allow an import from the own folder and from below', () => {
    expect(wrongImport('manager/manager.ts', './budget.js')).to.equal(undefined)
    expect(wrongImport('sequence/windows.ts', '../errors.js')).to.equal(undefined)
    expect(wrongImport('file.ts', './sequence/windows.js')).to.equal(undefined)
    expect(wrongImport('file.ts', 'streamx')).to.equal(undefined)
  })

  it('forbid one from above, from beside, and from outside of lib/', () => {
    expect(wrongImport('manager/manager.ts', '../sequence/windows.js')).to.match(/lies above it/)
    expect(wrongImport('errors.ts', './mapping/mapper.js')).to.match(/lies above it/)
    expect(wrongImport('access/cursor.ts', '../sequence/windows.js')).to.match(/lies beside it/)
    expect(wrongImport('file.ts', '../spec/support/os.js')).to.match(/outside of lib/)
    expect(wrongImport('file.ts', './helpers.js')).to.match(/no place/)
  })

  it('see every way to import, and none in a comment', () => {
    const source = `
      import { a,
        b } from './one.js'
      import type { C } from "./two.js"
      import './three.js'
      export * from './four.js'
      const five = await import('./five.js')
      type Six = import('./six.js').Six
      /* import './no.js' */
      // from './no.js'`
    const names = ['one', 'two', 'three', 'four', 'five', 'six']
    expect(importsOf(source)).to.deep.equal(names.map(name => `./${name}.js`))
  })

  it('hold no mutable state of a whole module, but for the default manager', () => {
    expect(
      stateOf('let a = 1\nexport let b\nconst c = new Map<string, number>()\nconst d: X[] = []')
    ).to.have.length(4)
    expect(stateOf('const a = [1]\nconst b = new Set([1])\n  let inner = 1\n')).to.deep.equal([])
    const state = modules
      .filter(({ name }) => !stateful.test(name))
      .flatMap(({ name, source }) => stateOf(source).map(line => `lib/${name}: ${line}`))
    expect(state).to.deep.equal([])
  })
})

describe('the files', () => {
  it(`are no longer than ${maxLines} lines`, () => {
    const folders = ['lib', 'native', 'spec', 'examples', 'scripts']
    const long = folders
      .flatMap(folder => filesOf(folder, /\.([cm]?[jt]s|c|h)$/))
      .map(path => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n').length - 1 }))
      .filter(({ lines }) => lines > maxLines)
      .map(({ path, lines }) => `${path} has ${lines} lines`)
    expect(long).to.deep.equal([])
  })
})
