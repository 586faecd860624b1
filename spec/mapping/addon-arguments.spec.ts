import { expect } from 'chai'
import { inspect } from 'node:util'
import { addon } from '../support/addon.js'
import { needsMappings } from '../support/mappers.js'
import { descriptorsOf } from '../support/os.js'
import { tempFile } from '../support/files.js'

const { pageSize: page, granularity } = addon
const SAFE = Number.MAX_SAFE_INTEGER

const notNumbers = [undefined, null, true, '1', 1n, {}, [], () => 1, Symbol('1')]
const notCounts = [
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  SAFE + 1,
  -0.1,
  1e300
]
const notBytes = [
  undefined,
  1,
  'path',
  {},
  new ArrayBuffer(8),
  new Uint16Array(4),
  new DataView(new ArrayBuffer(8))
]

/** What one argument must not be. */
interface Wrong {
  name: string
  /** These are a TypeError with ERR_INVALID_ARG_TYPE. */
  types?: unknown[]
  /** These are a RangeError with ERR_OUT_OF_RANGE. */
  ranges?: unknown[]
}

describe('the addon, given wrong arguments', () => {
  const path = Buffer.from(tempFile('arguments', 'x'.repeat(2 * page)))
  const fd: Wrong = { name: 'fd', types: notNumbers, ranges: [-2, 2 ** 31, ...notCounts.slice(1)] }
  const count = (name: string): Wrong => ({ name, types: notNumbers, ranges: notCounts })
  const task: Wrong[] = [
    fd,
    { name: 'path', types: [null, ...notBytes, Buffer.from('a\0b')], ranges: [Buffer.alloc(200_000, 0x61)] },
    // 1 and 2 are O_WRONLY and O_RDWR; 64, 512 and 1024 are O_CREAT, O_TRUNC and O_APPEND on Linux.
    { name: 'flags', types: notNumbers, ranges: [...notCounts, 1, 2, 64, 512, 1024, 2 ** 31] },
    { name: 'offset', types: notNumbers, ranges: [...notCounts, 1, granularity - 1, granularity + 1] },
    { name: 'length', types: notNumbers, ranges: [...notCounts, SAFE - granularity + 1] },
    { name: 'populate', types: [undefined, null, 0, 1, 'true', {}] },
    { name: 'exact', types: [0, 1, 'true', {}] }
  ]
  const right = [-1, path, 0, granularity, page, false, true]
  const mapping = [count('slot'), count('serial')]
  const unknown = [0, SAFE]

  // biome-ignore lint/suspicious/noExplicitAny: the point is to call them wrongly
  const functions: [name: string, call: (...values: any[]) => unknown, right: unknown[], wrong: Wrong[]][] = [
    ['run', addon.run, [1, ...right], [count('job'), ...task]],
    ['runSync', addon.runSync, right, task],
    ['cancel', addon.cancel, [1], [count('job')]],
    [
      'readSmall',
      addon.readSmall,
      [1, Buffer.from('/none\0'), 1, Buffer.alloc(1)],
      [
        count('job'),
        {
          name: 'paths',
          types: notBytes,
          ranges: [Buffer.alloc(0), Buffer.from('/none'), Buffer.alloc(65_537)]
        },
        { name: 'limit', types: notNumbers, ranges: [...notCounts, 2 ** 30 + 1] },
        { name: 'target', types: notBytes }
      ]
    ],
    [
      'unmap',
      addon.unmap,
      [...unknown, null],
      [...mapping, { name: 'buffer', types: [1, 'x', {}, new Uint8Array(1)] }]
    ],
    ['fault', addon.fault, unknown, mapping],
    [
      'advise',
      addon.advise,
      [...unknown, 0, 1, 0],
      [
        ...mapping,
        count('offset'),
        count('length'),
        { name: 'advice', types: notNumbers, ranges: [...notCounts, 6] }
      ]
    ],
    [
      'resident',
      addon.resident,
      [...unknown, new Uint8Array(1)],
      [...mapping, { name: 'pages', types: notBytes }]
    ],
    ['forget', addon.forget, [2 ** 31 - 1, 0, 0], [fd, count('offset'), count('length')]],
    ['close', addon.close, [2 ** 31 - 1], [{ ...fd, ranges: [-1, ...(fd.ranges ?? [])] }]],
    ['closeSync', addon.closeSync, [2 ** 31 - 1], [{ ...fd, ranges: [-1, ...(fd.ranges ?? [])] }]]
  ]

  for (const [name, call, values, wrongs] of functions) {
    for (const [index, wrong] of wrongs.entries()) {
      it(`${name} names a wrong "${wrong.name}" and does nothing`, () => {
        const check = (value: unknown, type: typeof TypeError | typeof RangeError, code: string) => {
          const given = values.with(index, value)
          expect(() => call(...given), inspect(value))
            .to.throw(type, `"${wrong.name}`)
            .with.property('code', code)
        }
        for (const value of wrong.types ?? []) check(value, TypeError, 'ERR_INVALID_ARG_TYPE')
        for (const value of wrong.ranges ?? []) check(value, RangeError, 'ERR_OUT_OF_RANGE')
        expect(descriptorsOf(path.toString())).to.deep.equal([])
        expect(addon.counters()).to.include({ mappings: 0, jobs: 0 })
      })
    }
  }

  it('advise and resident refuse what is not the size of the mapping', function () {
    needsMappings.call(this)
    const { slot, serial, buffer, fd } = addon.runSync(-1, path, 0, 0, page + 1, false)
    const outside = [
      [0, page + 2],
      [1, page + 1],
      [page + 2, 0],
      [SAFE, SAFE],
      [0, SAFE]
    ] as const
    for (const [offset, length] of outside)
      expect(() => addon.advise(slot, serial, offset, length, 0), `${offset}+${length}`).to.throw(
        RangeError,
        /"length"/
      )
    for (const pages of [0, 1, 3])
      expect(() => addon.resident(slot, serial, new Uint8Array(pages))).to.throw(RangeError, /"pages/)
    addon.unmap(slot, serial, buffer as ArrayBuffer)
    addon.closeSync(fd)
  })
})
