/**
 * What a MappedBuffer has of Buffer takes what Buffer takes, and says to all else what Buffer says: each kind of wrong
 * value, in each place of each method, beside a Buffer of the same bytes.
 */
import { Buffer } from 'node:buffer'
import { expect } from 'chai'
import { inspect } from 'node:util'
import { type MappedBuffer, MapManager } from '../../lib/index.js'
import { tempFile } from '../support/files.js'
import { type Value, wrongValues } from './values.js'

const LENGTH = 1000
const numbers = Object.getOwnPropertyNames(Buffer.prototype).filter(name => name.startsWith('read'))

/** Methods with arguments that are right; each is replaced by wrong ones in turn. */
const methods: [name: string, right: unknown[]][] = [
  ['at', [0]],
  ['slice', [10, 20]],
  ['subarray', [10, 20]],
  ['copy', [Buffer.alloc(16), 0, 0, 16]],
  ['equals', [Buffer.alloc(LENGTH)]],
  ['indexOf', ['5', 0, 'utf8']],
  ['lastIndexOf', ['5', 999, 'utf8']],
  ['includes', ['5', 0, 'utf8']],
  ...numbers.map((name): [string, unknown[]] => [name, /U?[Ii]nt(LE|BE)$/.test(name) ? [0, 3] : [0]])
]

/** What a call came to: bytes as they are, errors by their kind. */
function outcome(call: () => unknown): unknown {
  try {
    const answer = call()
    if (typeof answer === 'object' && answer !== null && 'release' in answer && 'bytes' in answer) {
      const bytes = Buffer.from(answer.bytes as Buffer)
      ;(answer as { release(): void }).release()
      return bytes
    }
    return answer
  } catch (error) {
    const { name, code } = error as { name: string; code?: string }
    return `${name} ${code}`
  }
}

function isTypeError(outcome: unknown): boolean {
  return typeof outcome === 'string' && outcome.startsWith('TypeError')
}

describe('wrong arguments of a mapped buffer', () => {
  const bytes = Buffer.from(Array.from({ length: LENGTH }, (_, i) => (i * 7) % 251))
  let manager: MapManager
  let mapped: MappedBuffer
  let values: Value[]

  before(async () => {
    values = [...(await wrongValues()), { name: 'nothing', value: undefined }]
  })

  beforeEach(async () => {
    manager = new MapManager({ windowSize: 4096 })
    mapped = (await manager.open(tempFile('like-buffer', bytes))).buffer()
  })

  afterEach(() => manager.close())

  for (const [name, right] of methods) {
    it(`mean to ${name}() what they mean to Buffer's`, () => {
      const differences: string[] = []
      for (const place of right.keys()) {
        for (const { name: words, value, traps } of values) {
          const given = right.with(place, value)
          const call = (of: object) => outcome(() => Reflect.get(of, name).apply(of, given))
          const [expected, seen] = [call(bytes), call(mapped)]
          if (typeof value === 'bigint' && isTypeError(seen)) continue
          // Which part of a trap is sprung first need not be the same; and our errors have codes where Buffer's lack them.
          if (isTypeError(seen) && /^(Trap|TypeError) undefined$/.test(`${expected}`)) continue
          if (traps && `${seen}` === 'Trap undefined' && isTypeError(expected)) continue
          if (inspect(seen) !== inspect(expected)) {
            differences.push(`argument ${place}, ${words}: ${inspect(seen)} instead of ${inspect(expected)}`)
          }
        }
      }
      expect(differences.join('\n')).to.equal('')
      expect(manager.stats()).to.include({ handles: 1, waiters: 0 })
    })
  }
})
