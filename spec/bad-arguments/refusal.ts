/** Hands one wrong value to one call, and checks what that says. */
import { inspect } from 'node:util'
import { expect } from 'chai'
import { type Concatenation, MapManager, SlidemapError } from '../../lib/index.js'
import { temporaryFolder, tempFile } from '../support/files.js'
import { descriptorsBelow, mappingsBelow } from '../support/os.js'
import { type Bench, type Row, SIZE } from './row.js'
import { Trap, type Value } from './values.js'

/** A manager with one open file, of which nothing is mapped. The caller closes the manager. */
export async function makeBench(): Promise<Bench> {
  const path = tempFile('bad-arguments', 'some text\n'.repeat(SIZE / 10))
  const manager = new MapManager({ windowSize: 2 ** 24 })
  const file = await manager.open(path)
  return {
    manager,
    file,
    path,
    concatenation: manager.concat([path]) as unknown as Concatenation,
    buffer: file.buffer(),
    cursor: file.cursor()
  }
}

/** What its manager holds, whatever it was asked for in vain. */
export const heldByBench = { mappedBytes: 0, regions: 0, files: 1, handles: 1, waiters: 0 }

/** What the OS says this process holds. */
export function held(): unknown {
  return { descriptors: descriptorsBelow(temporaryFolder), mappings: mappingsBelow(temporaryFolder) }
}

/**
 * @throws where the value was taken, or refused in another way than it has to be
 */
export async function refuse(row: Row, { name, value, traps = false }: Value, bench: Bench): Promise<void> {
  const error = await refusal(row, name, value, bench)
  const { code, message } = error as { code?: string; message: string }
  const where = `${name}: ${code}: ${message}`
  // What the value itself throws goes to who handed it over, as it is.
  if (traps && (error instanceof Trap || /revoked|IsArray/.test(message))) return
  expect(row.takes.codes(value), where).to.include(code)
  if (code === 'ERR_INVALID_ARG_TYPE') expect(error, where).to.be.an.instanceof(TypeError)
  if (code === 'ERR_OUT_OF_RANGE') expect(error, where).to.be.an.instanceof(RangeError)
  if (code?.startsWith('ERR_MAP_')) expect(error, where).to.be.an.instanceof(SlidemapError)
  if (code === 'ERR_INVALID_ARG_TYPE' || code === 'ERR_OUT_OF_RANGE') {
    expect(message, where).to.include(`"${row.argument}`)
    expect(message, where)
      .to.match(/Received ./)
      .and.to.include(shown(value))
  }
  if (!('syscall' in (error as object))) expect(message, where).to.have.length.below(400)
}

/** How a value is to be recognised in a message: itself, where it is short, else that it is an object. */
function shown(value: unknown): string {
  if (typeof value === 'object' || typeof value === 'function') return value === null ? 'null' : ''
  return inspect(value).slice(0, 40).replace(/'$/, '')
}

/** What a call said to a wrong value, in the way that it has to say it. */
async function refusal(row: Row, name: string, value: unknown, bench: Bench): Promise<unknown> {
  let answer: unknown
  try {
    answer = row.run(value, bench)
  } catch (error) {
    expect(row.way, `${name}: thrown ${inspect(error)}`).to.equal('throws')
    return error
  }
  if (row.way === 'throws') {
    await leave(answer)
    throw new Error(`${name} was taken`)
  }
  let came: unknown
  try {
    came = await (row.way === 'rejects' ? answer : (answer as AsyncIterator<unknown>).next())
  } catch (error) {
    return error
  }
  await leave(row.way === 'rejects' ? came : answer)
  throw new Error(`${name} was taken`)
}

/** Give back what came of a value that should not have been taken, so that the others can be tried. */
async function leave(answer: unknown): Promise<void> {
  if (typeof answer !== 'object' || answer === null) return
  for (const name of ['return', Symbol.asyncDispose, Symbol.dispose, 'cancel', 'destroy']) {
    const method: unknown = Reflect.get(answer, name)
    if (typeof method === 'function') return method.call(answer)
  }
}
