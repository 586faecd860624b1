/**
 * That the table is whole: whatever the package exports, and whatever option its types name, has rows in it.
 */
import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import * as conformance from '../../lib/mapping/conformance.js'
import * as slidemap from '../../lib/index.js'
import { rows } from './rows.js'

/** Made by the package only, never by `new`. */
const notConstructed = ['MappedFile', 'MappedBuffer', 'Cursor', 'Concatenation']

/** For those who mock errors: it checks nothing, as Error does not. */
const unchecked = ['SlidemapError']

/** Methods without an argument. */
const withoutArguments = [
  'MapManager.stats',
  'MapManager.collect',
  'MapManager.close',
  'MappedFile.cursor',
  'MappedFile.close',
  'Concatenation.close',
  'Cursor.unuse',
  'Cursor.clone'
]

/** Methods that take what Buffer's take: `like-buffer.spec.ts` tries them beside Buffer's. */
const likeBuffer = /^MappedBuffer\.(at|slice|subarray|copy|equals|indexOf|lastIndexOf|includes|read\w+)$/

/** Called by the package itself, and marked so in the types. */
const internal = ['MappedBuffer.reach', 'MappedBuffer.attest']

/** Where the options of an interface are tried. */
const callsOf: Record<string, string> = {
  ManagerOptions: 'new MapManager',
  OpenOptions: 'MapManager.open',
  SourceRange: 'MapManager.open',
  ConcatOptions: 'MapManager.concat',
  ConformanceOptions: 'mapperConformance',
  FileCallOptions: 'MappedFile.read',
  LoadOptions: 'Cursor.load',
  WindowOptions: 'MappedFile.windows',
  FollowOptions: 'MappedFile.windows',
  StreamOptions: 'MappedFile.stream',
  PipeToOptions: 'MappedFile.pipeTo',
  LineOptions: 'MappedFile.lines',
  RecordLimits: 'MappedFile.records',
  FixedFraming: 'MappedFile.records',
  DelimiterFraming: 'MappedFile.records',
  PrefixFraming: 'MappedFile.records',
  HeaderFraming: 'MappedFile.records',
  Mapper: 'new MapManager'
}

/** Names of other ones, made of these by leaving some out. */
const derived = ['WebStreamOptions', 'LineSyncOptions', 'WindowSyncOptions', 'RecordOptions', 'RecordFraming']

const tried = new Set(rows.map(({ call }) => call))

/** The functions of the package, as the table names them. */
function publicFunctions(): string[] {
  return Object.entries({ ...slidemap, ...conformance }).flatMap(([name, value]) => {
    if (typeof value !== 'function' || unchecked.includes(name)) return []
    if (!/^class\b/.test(Function.prototype.toString.call(value))) return [name]
    const made = notConstructed.includes(name) ? [] : [`new ${name}`]
    return [...made, ...methodsOf(value.prototype).map(method => `${name}.${method}`)]
  })
}

function methodsOf(prototype: object): string[] {
  const names = new Set<string>()
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name)
    }
  }
  return [...names]
}

/** The files of lib/ that index.ts exports types of, and the types. */
function exportedTypes(): [file: string, name: string][] {
  const index = readFileSync(new URL('../../lib/index.ts', import.meta.url), 'utf8')
  const found: [string, string][] = [['./mapping/conformance.js', 'ConformanceOptions']]
  for (const [, all, names = '', file = ''] of index.matchAll(/^export (type )?\{([^}]*)\} from '(.*)'/gm)) {
    for (const name of names.split(',')) {
      const word = name.trim()
      if (all || word.startsWith('type ')) found.push([file, word.replace('type ', '')])
    }
  }
  return found
}

/** The members of an interface, none where it is none. */
function membersOf(file: string, name: string): string[] {
  const url = new URL(`../../lib/${file.replace(/js$/, 'ts')}`, import.meta.url)
  const body = new RegExp(`^export interface ${name}\\b[^{]*\\{\n(.*?)^\\}`, 'ms').exec(
    readFileSync(url, 'utf8')
  )
  return [...(body?.[1] ?? '').matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, member = '']) => member)
}

describe('the table of bad arguments', () => {
  it('has every public function', () => {
    const missing = publicFunctions().filter(
      name => !tried.has(name) && !withoutArguments.includes(name) && !likeBuffer.test(name)
    )
    expect(missing).to.deep.equal(internal)
  })

  it('has no function that is gone, and none but those without arguments that are said to have none', () => {
    const functions = publicFunctions()
    expect([...tried].filter(call => !functions.includes(call))).to.deep.equal([])
    expect(withoutArguments.filter(name => !functions.includes(name))).to.deep.equal([])
    const classes = { ...slidemap } as unknown as Record<string, { prototype: Record<string, () => void> }>
    for (const name of withoutArguments) {
      const [of = '', method = ''] = name.split('.')
      expect(classes[of]?.prototype[method], name).to.have.length(0)
    }
  })

  it('has every option of every type of options that is exported', () => {
    const options = exportedTypes().filter(
      ([, name]) => /(Options|Framing|Range|Limits)$/.test(name) && !derived.includes(name)
    )
    expect(options.map(([, name]) => name)).to.have.members(
      Object.keys(callsOf).filter(name => name !== 'Mapper')
    )
    const missing: string[] = []
    for (const [file, name] of [...options, ['./mapping/mapper.js', 'Mapper'] as const]) {
      const members = membersOf(file, name)
      expect(members, name).to.not.be.empty
      for (const member of members) {
        const isTried = rows.some(
          ({ call, argument }) =>
            call === callsOf[name] && (argument === member || argument.endsWith(`.${member}`))
        )
        if (!isTried) missing.push(`${name}.${member}`)
      }
    }
    expect(missing).to.deep.equal([])
  })
})
