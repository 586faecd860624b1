/**
 * Wrong values: what programs hand over by mistake, and what somebody hands over on purpose.
 */
import { open as openFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import { tempFile } from '../support/files.js'

/** What a value of {@link wrongValues} throws when it is looked at. */
export class Trap extends Error {
  override readonly name = 'Trap'
}

/** A value, and what it is in words. */
export interface Value {
  readonly name: string
  readonly value: unknown
  /** Looking at it throws a {@link Trap}, or what the language throws for it. */
  readonly traps?: boolean
}

function trap(): never {
  throw new Trap('the value itself throws')
}

const traps: ProxyHandler<object> = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map(name => [name, trap])
)

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function detached<T extends Uint8Array>(bytes: T): T {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] })
  return bytes
}

function cyclic(): object {
  const object: Record<string, unknown> = {}
  object.self = object
  return object
}

/** An object whose every conversion, and whose every property of these, throws. */
function withGetters(...names: string[]): object {
  const object = {}
  for (const name of names) Object.defineProperty(object, name, { get: trap, enumerable: true })
  return object
}

const plain: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  1.5,
  -0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.MIN_VALUE,
  1e300,
  255,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  -(2 ** 53),
  0n,
  1n,
  2n ** 64n,
  '',
  '1',
  'text',
  'leased',
  'latin1',
  'nul\0byte',
  '\0',
  'file:relative',
  '../not/there',
  'https://example.org/',
  Symbol('text'),
  Symbol.iterator,
  {},
  Object.create(null),
  [],
  [1],
  ['text'],
  { fd: -1 },
  { fd: 1.5 },
  { fd: '3' },
  { source: null },
  { source: { source: 7.5 } },
  { valueOf: () => 1 },
  { toString: () => 'text' },
  Object.fromEntries([['then', () => {}]]),
  { aborted: false },
  { write: true, end: true, on: true },
  new Number(1),
  new String('text'),
  new Boolean(true),
  new Date(0),
  /text/,
  new Map(),
  new Set(),
  new WeakMap(),
  new Error('text'),
  Promise.resolve(1),
  new ArrayBuffer(8),
  new SharedArrayBuffer(8),
  new DataView(new ArrayBuffer(8)),
  new Uint16Array(4),
  new Float64Array(2),
  new BigUint64Array(1),
  new AbortController(),
  new EventTarget(),
  new URLSearchParams(),
  new URL('https://example.org/'),
  new URL('file://elsewhere/text'),
  new URL('file:///nul%00byte')
]

const inWords: readonly Value[] = [
  { name: 'a function', value: () => 1 },
  { name: 'an async function', value: async () => 1 },
  { name: 'a function that throws', value: trap },
  { name: 'a class', value: class Some {} },
  { name: 'a generator', value: (function* () {})() },
  { name: 'an array that contains itself', value: cyclic() },
  { name: 'bytes of a detached buffer', value: detached(new Uint8Array(8)) },
  { name: 'a Buffer of a detached buffer', value: detached(Buffer.from(new ArrayBuffer(8))) },
  { name: 'an empty Buffer', value: Buffer.alloc(0) },
  { name: 'a Buffer with a null byte', value: Buffer.from('nul\0byte') },
  { name: 'a text of a million characters', value: 'x'.repeat(1_000_000) },
  {
    name: 'arguments',
    value: (function () {
      // biome-ignore lint/complexity/noArguments: they are what is handed over
      return arguments
    })()
  },
  { name: 'a proxy', value: new Proxy({}, {}) },
  { name: 'a proxy that throws', value: new Proxy({}, traps), traps: true },
  { name: 'a function that is a proxy that throws', value: new Proxy(() => {}, traps), traps: true },
  { name: 'a revoked proxy', value: revoked(), traps: true },
  {
    name: 'an object that cannot be converted',
    value: { valueOf: trap, toString: trap, toJSON: trap },
    traps: true
  },
  { name: 'an object that will not become a number', value: { [Symbol.toPrimitive]: trap }, traps: true },
  { name: 'an object that will not be shown', value: { [inspect.custom]: trap } },
  { name: 'an object without a tag', value: withGetters(Symbol.toStringTag as never), traps: true },
  { name: 'an object without a constructor', value: withGetters('constructor'), traps: true },
  {
    name: 'an object with getters that throw',
    value: withGetters('aborted', 'fd', 'source', 'write', 'getWriter', 'name', 'next'),
    traps: true
  },
  {
    name: 'a list that cannot be walked',
    value: { [Symbol.iterator]: trap, [Symbol.asyncIterator]: trap },
    traps: true
  }
]

/** All of them; FileHandles that were closed among them, so this waits. */
export async function wrongValues(): Promise<Value[]> {
  const handle = await openFile(tempFile('bad-arguments-closed', 'text'))
  await handle.close()
  return [
    ...plain.map(value => ({
      name: inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }),
      value
    })),
    ...inWords,
    { name: 'a FileHandle that was closed', value: handle }
  ]
}
