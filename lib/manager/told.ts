/** What the jobs of a file fail with, told of that file: a mapper that is given a descriptor does not know its path. */
import { SlidemapError, systemError } from '../errors.js'
import type { Mapper, MapOutcome, MapTask } from '../mapping/mapper.js'
import { hintFor } from '../mapping/task.js'

/** Run a task on a mapper; what it fails with has the path of the file, where there is one. */
export async function runTold(
  mapper: Mapper,
  task: MapTask,
  path: string | undefined,
  signal: AbortSignal
): Promise<MapOutcome> {
  try {
    return await mapper.run(task, signal)
  } catch (error) {
    // The signal's reason is the caller's, whatever it is.
    throw signal.aborted ? error : withPath(error, path)
  }
}

/** The same on this thread. */
export function runToldSync(mapper: Mapper, task: MapTask, path: string | undefined): MapOutcome {
  try {
    return mapper.runSync(task)
  } catch (error) {
    throw withPath(error, path)
  }
}

/**
 * An error of ours or of the OS with the path of its file, where it has none and there is one, and with what to do
 * about it; any other as it is.
 */
export function withPath(error: unknown, path: string | undefined): unknown {
  if (!(error instanceof Error)) return error
  if (error instanceof SlidemapError) {
    const { code, message, offset, length, cause } = error
    if ('path' in error || path === undefined) return error
    return new SlidemapError(code, message, { path, offset, length, cause })
  }
  const { errno, syscall, path: known = path } = error as NodeJS.ErrnoException
  if (typeof errno !== 'number' || errno >= 0 || syscall === undefined) return error
  const hint = hintFor(-errno, syscall)
  const complete = 'path' in error || known === undefined
  if (complete && (hint === undefined || error.message.includes(hint))) return error
  const told = systemError(-errno, syscall, known, hint)
  return error.cause === undefined ? told : Object.assign(told, { cause: error.cause })
}
