/**
 * How many files this process may have open.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Descriptors left to the rest of the process: its own libraries, sockets, whatever it opens next. */
const RESERVE = 32

/**
 * Handles that a manager may hold: the soft limit of open files less those that are open by now and a reserve, half of
 * the rest where that is small, and 1 at the least.
 *
 * @returns a count; Infinity where the OS does not tell
 */
export function handleLimit(): number {
  const free = softLimit() - openFiles()
  return Math.max(1, free - Math.min(RESERVE, Math.ceil(free / 2)))
}

/** Descriptors of this process, whoever opened them; 0 where the OS does not tell. */
function openFiles(): number {
  try {
    // Less the one that the list is read by.
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return 0
  }
}

function softLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1')
    const value = /^Max open files\s+(\S+)/m.exec(limits)?.[1]
    if (value !== undefined) return value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value)
  } catch {
    // No procfs here.
  }
  const soft = reportedLimits()?.open_files?.soft
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY
}

type Limits = Record<string, { soft: number | string }>

function reportedLimits(): Limits | undefined {
  try {
    return (process.report?.getReport() as { userLimits?: Limits } | undefined)?.userLimits
  } catch {
    // A report tells more than this: Deno asks for permission.
    return undefined
  }
}
