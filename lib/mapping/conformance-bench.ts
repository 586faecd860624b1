/** What the conformance suite stands on: a folder of its own, files with known bytes, and witnesses. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mapper, MapOutcome, Mapping, MapTask } from './mapper.js'

/** The two ways to do a job. */
export type Way = 'run' | 'runSync'
export const ways: readonly Way[] = ['run', 'runSync']

/** Bytes that differ from page to page and hardly repeat: the same for the same length and seed. */
export function noise(length: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = (seed * 2654435761) >>> 0 || 1
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return Buffer.from(words.buffer, 0, length)
}

/** One test's surroundings. What was opened and mapped through it is released at its end, however that came. */
export class Bench {
  readonly mapper: Mapper
  readonly folder: string
  readonly #descriptors = new Set<number>()
  readonly #mappings = new Set<Mapping>()

  constructor(mapper: Mapper) {
    this.mapper = mapper
    this.folder = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'mapper-conformance-'))
  }

  /** Do a job either way; a synchronous error rejects, too. */
  async run(way: Way, task: MapTask, signal?: AbortSignal): Promise<MapOutcome> {
    const outcome = way === 'run' ? await this.mapper.run(task, signal) : this.mapper.runSync(task)
    if (typeof task.target !== 'number') this.#descriptors.add(outcome.fd)
    if (outcome.mapping) this.#mappings.add(outcome.mapping)
    return outcome
  }

  /** Do a job that has to come to a mapping. */
  async map(way: Way, task: MapTask): Promise<MapOutcome & { mapping: Mapping; bytes: Buffer }> {
    const outcome = await this.run(way, task)
    const { mapping } = outcome
    assert.ok(mapping, `a mapping of ${task.length} bytes at ${task.offset ?? 0}`)
    assert.equal(mapping.buffer.byteLength, task.length, 'the length of the buffer')
    return { ...outcome, mapping, bytes: Buffer.from(mapping.buffer) }
  }

  /** Unmap it at the end, too. */
  adopt(mapping: Mapping): Mapping {
    this.#mappings.add(mapping)
    return mapping
  }

  async close(fd: number): Promise<void> {
    this.#descriptors.delete(fd)
    await this.mapper.close(fd)
  }

  closeSync(fd: number): void {
    this.#descriptors.delete(fd)
    this.mapper.closeSync(fd)
  }

  /** Make a file with this content; answers its path. */
  file(name: string, content: Uint8Array | string = ''): string {
    const path = join(this.folder, name)
    fs.writeFileSync(path, content)
    return path
  }

  /** Make a file of `size` bytes with these blocks in it and holes between them; answers its path. */
  sparse(name: string, size: number, blocks: ReadonlyMap<number, Uint8Array> = new Map()): string {
    const path = this.file(name)
    const fd = fs.openSync(path, 'r+')
    try {
      fs.ftruncateSync(fd, size)
      for (const [offset, bytes] of blocks) fs.writeSync(fd, bytes, 0, bytes.length, offset)
    } finally {
      fs.closeSync(fd)
    }
    return path
  }

  /** The greatest multiple of the granularity that is no greater than `offset`. */
  aligned(offset: number): number {
    return offset - (offset % this.mapper.granularity)
  }

  /** Release what is left, and let the OS say that nothing is. */
  async end(): Promise<void> {
    for (const mapping of this.#mappings) mapping.unmap()
    for (const fd of this.#descriptors) await this.mapper.close(fd)
    this.mapper.drain()
    this.assertNothingLeft()
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true })
  }

  /** No descriptor on a file of this bench, and no mapping of one, if the mapper is one that unmaps. */
  assertNothingLeft(): void {
    assert.deepEqual(this.descriptors(), [], 'descriptors left open')
    if (this.mapper.detaches) assert.deepEqual(this.mappings(), [], 'mappings left')
  }

  /** The files of this bench that this process has open, as Linux says; elsewhere none. */
  descriptors(): string[] {
    if (process.platform !== 'linux') return []
    return fs.readdirSync('/proc/self/fd').flatMap(fd => {
      try {
        const path = fs.readlinkSync(`/proc/self/fd/${fd}`)
        return path.startsWith(this.folder) ? [path] : []
      } catch {
        // The descriptor that listed the folder is closed by now.
        return []
      }
    })
  }

  /** The mappings of files of this bench, as Linux says; elsewhere none. */
  mappings(): string[] {
    if (process.platform !== 'linux') return []
    const lines = fs.readFileSync('/proc/self/maps', 'latin1').split('\n')
    return lines.filter(line => line.includes(this.folder))
  }
}

/** Equal bytes; tells where they differ instead of printing them. */
export function assertBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assert.equal(actual.length, expected.length, `the length of ${what}`)
  if (Buffer.compare(actual, expected) === 0) return
  const at = actual.findIndex((byte, i) => byte !== expected[i])
  assert.fail(`${what}: byte ${at} is ${actual[at]} and should be ${expected[at]}`)
}

/** The bytes `[offset, offset + length)` of a file, as Node reads them. */
export function readRange(path: string, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  const fd = fs.openSync(path, 'r')
  try {
    assert.equal(fs.readSync(fd, bytes, 0, length, offset), length)
  } finally {
    fs.closeSync(fd)
  }
  return bytes
}

/** Rejects with an error of this code, and of this class where one is given. */
export async function assertCode(
  job: Promise<unknown>,
  code: string,
  kind: new (...args: never[]) => Error = Error
): Promise<Error & Record<string, unknown>> {
  const error = await job.then(
    () => assert.fail(`it succeeded instead of failing with ${code}`),
    (reason: unknown) => reason
  )
  assert.ok(error instanceof kind, `an instance of ${kind.name}: ${error}`)
  assert.equal((error as Error & { code?: string }).code, code, error.message)
  return error as Error & Record<string, unknown>
}
