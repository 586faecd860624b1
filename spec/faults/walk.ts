/**
 * SQLite's way of testing what becomes of failures: let the first call fail, then the second, and so on, until a run
 * comes through with none failing; and see after each that nothing was lost and all goes on.
 */
import { strict as assert } from 'node:assert'
import { dirname } from 'node:path'
import { MapManager } from '../../lib/index.js'
import { SlidemapError } from '../../lib/errors.js'
import type { Mapper } from '../../lib/mapping/mapper.js'
import { collect } from '../support/files.js'
import { descriptorsBelow, mappingsBelow } from '../support/os.js'
import type { Failed } from './inject.js'
import { type Fixtures, limits, type Operation } from './operations.js'

/** What makes calls fail. */
export interface Faults {
  /** Let the n-th call fail, and with `lasting` every one after it. */
  arm(n: number, lasting: boolean): void
  /** Let all calls be. @returns what has failed since */
  disarm(): Failed
}

/** What came of a walk. */
export interface Tally {
  /** Runs in which something failed. */
  faults: number
  /** Those that rejected. */
  rejected: number
  /** Those that came through all the same. */
  absorbed: number
  /** By the code of what they rejected with. */
  readonly codes: Map<string, number>
}

export function newTally(): Tally {
  return { faults: 0, rejected: 0, absorbed: 0, codes: new Map() }
}

export interface WalkOptions {
  readonly mapper: () => Mapper
  readonly faults: Faults
  readonly fixtures: Fixtures
  readonly lasting: boolean
  /** Whether this is what the contract says to these failures; `error` is undefined where the run came through. */
  judge(error: unknown, failed: Failed): void
  readonly signal?: AbortSignal
}

/** No operation makes as many calls. */
const MANY = 2000

/** Walk one operation until nothing fails any more. */
export async function walkFaults(operation: Operation, options: WalkOptions, tally: Tally): Promise<void> {
  const { mapper, faults, fixtures, lasting, judge } = options
  const shared = mapper()
  for (let n = 1; n < MANY; n++) {
    options.signal?.throwIfAborted()
    const manager = new MapManager({ ...limits, mapper: shared })
    const where = () => `${operation.name}, call ${n}${lasting ? ' and all after it' : ''}`
    let error: unknown
    let closing: unknown
    faults.arm(n, lasting)
    try {
      await operation.run(manager, fixtures)
    } catch (thrown) {
      error = thrown
    }
    // Closing is under fire, too, where the failure lasts.
    if (lasting) await manager.close().catch(thrown => (closing = thrown))
    const failed = faults.disarm()
    try {
      if (failed.size === 0 && error !== undefined) throw error
      judge(error ?? closing, failed)
      if (!lasting) {
        await usable(manager, fixtures)
        await manager.close()
      }
      empty(manager, fixtures)
      if (lasting) {
        const next = new MapManager({ ...limits, mapper: shared })
        await usable(next, fixtures)
        await next.close()
        empty(next, fixtures)
      }
    } catch (cause) {
      const calls = [...failed].map(([call, count]) => `${count} ${call}`).join(', ') || 'none'
      await manager.close().catch(() => {})
      throw new Error(`${where()} (failed: ${calls}): ${(cause as Error).message}`, { cause })
    }
    if (failed.size === 0) return
    tally.faults++
    if (error === undefined) tally.absorbed++
    else {
      tally.rejected++
      const code = (error as { code?: string }).code ?? 'none'
      tally.codes.set(code, (tally.codes.get(code) ?? 0) + 1)
    }
  }
  throw new Error(`${operation.name} still fails at call ${MANY}`)
}

/** What a manager must still be able to do. */
async function usable(manager: MapManager, { other }: Fixtures): Promise<void> {
  const file = await manager.open(other.path)
  const content = await collect(file.stream())
  assert.ok(content.equals(other.content), 'the manager answers other bytes afterwards')
  await file.close()
}

/** Nothing is left: as the manager says, and as the OS does. */
function empty(manager: MapManager, fixtures: Fixtures): void {
  const { mappedBytes, handles, files, regions, waiters } = manager.stats()
  assert.deepEqual(
    { mappedBytes, handles, files, regions, waiters },
    { mappedBytes: 0, handles: 0, files: 0, regions: 0, waiters: 0 }
  )
  const folder = dirname(fixtures.large.path)
  assert.deepEqual(mappingsBelow(folder), [], 'mappings')
  assert.deepEqual(descriptorsBelow(folder), [], 'descriptors')
}

/** Whether an error is one of the OS's as Node says it, of this call, with the path of one of the files. */
export function checkSystemError(error: unknown, code: string, syscall: string, fixtures: Fixtures): void {
  const { code: seen, syscall: call, errno, path } = error as NodeJS.ErrnoException
  assert.deepEqual({ code: seen, syscall: call }, { code, syscall }, String(error))
  assert.ok(typeof errno === 'number' && errno < 0, 'without errno')
  assert.ok(pathsOf(fixtures).includes(path ?? ''), `without the path: ${String(error)}`)
  assert.ok((error as Error).message.includes(`'${path}'`), `the message does not name it: ${String(error)}`)
}

/** Whether an error is ERR_MAP_IO with path, offset and cause. */
export function checkIoError(error: unknown, code: string, fixtures: Fixtures): void {
  assert.ok(error instanceof SlidemapError, String(error))
  assert.equal(error.code, 'ERR_MAP_IO', String(error))
  assert.ok(pathsOf(fixtures).includes(error.path ?? ''), `without the path: ${String(error)}`)
  assert.ok(typeof error.offset === 'number' && error.offset >= 0, 'without an offset')
  let { cause } = error
  // A concatenation wraps what its files say.
  while (cause instanceof SlidemapError) cause = cause.cause
  assert.equal((cause as NodeJS.ErrnoException | undefined)?.code, code, 'without its cause')
}

function pathsOf({ large, other, text, small }: Fixtures): string[] {
  return [large, other, text, ...small].map(({ path }) => path)
}
