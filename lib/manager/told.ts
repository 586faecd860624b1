/** What the jobs of a file fail with, told of that file: a mapper that is given a descriptor does not know its path. */
import { SlidemapError } from '../errors.js'
import type { Mapper, MapOutcome, Mapping, MapTask } from '../mapping/mapper.js'
import { cover, type Range } from '../range.js'
import { hintFor, unreadable } from '../mapping/task.js'

/** What a job came to, and by which mapper: by now another may serve the file. */
export type ToldOutcome = Pick<MapOutcome, 'fd' | 'info'> & {
  readonly mapping: Mapping | undefined
  readonly mapper: Mapper
}

/** Look at the file, and map what holds `range` if there is one. */
export function taskOn(
  target: MapTask['target'],
  flags: number,
  range: Range | undefined,
  mapper: Mapper,
  exact = false
): MapTask {
  if (range === undefined) return { target, flags }
  const { offset, length } = cover(range, mapper.granularity)
  return { target, flags, offset, length, exact }
}

/** Run a task on a mapper; what it fails with has the path of the file, where there is one. */
export async function runTold(
  mapper: Mapper,
  task: MapTask,
  path: string | undefined,
  signal: AbortSignal
): Promise<ToldOutcome> {
  try {
    const { fd, info, mapping } = await mapper.run(task, signal)
    return { fd, info, mapping, mapper }
  } catch (error) {
    // The signal's reason is the caller's, whatever it is.
    throw signal.aborted ? error : withPath(error, path)
  }
}

/** The same on this thread. */
export function runToldSync(mapper: Mapper, task: MapTask, path: string | undefined): ToldOutcome {
  try {
    const { fd, info, mapping } = mapper.runSync(task)
    return { fd, info, mapping, mapper }
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
    // Said of the path, as all else that fails is.
    if (code === 'ERR_MAP_IO' && offset !== undefined && cause !== undefined)
      return unreadable(offset, path, cause)
    return new SlidemapError(code, message, { path, offset, length, cause })
  }
  const { errno, syscall, path: known = path } = error as NodeJS.ErrnoException
  if (typeof errno !== 'number' || errno >= 0 || syscall === undefined) return error
  const message = explained(error, -errno, syscall, known)
  if (message === error.message) return error
  const { code, cause } = error as NodeJS.ErrnoException
  const told = new Error(message, cause === undefined ? undefined : { cause })
  return Object.assign(told, { code, errno, syscall, ...(known !== undefined && { path: known }) })
}

/** What an error of the OS says, with the path after the call, and a hint in parentheses at the end. */
function explained(error: Error, errno: number, syscall: string, path: string | undefined): string {
  const named =
    'path' in error || path === undefined
      ? error.message
      : error.message.replace(`, ${syscall}`, call => `${call} '${path}'`)
  const hint = hintFor(errno, syscall)
  return hint === undefined || named.endsWith(')') ? named : `${named} (${hint})`
}
