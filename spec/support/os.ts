/**
 * Witnesses: what the operating system itself says this process holds. Linux only; elsewhere they see nothing,
 * and `canWitness` is false.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Whether the operating system tells what this process has mapped and open. */
export const canWitness = process.platform === 'linux'

/** One line of `/proc/self/maps`. */
export interface MappedRange {
  /** Address of the first byte. */
  start: bigint
  /** Address after the last byte. */
  end: bigint
  /** Bytes of address space: whole pages. */
  bytes: number
  /** Bytes from the start of the file. */
  offset: number
  /** Where the file was when it was mapped; without the ` (deleted)` of a file that is gone. */
  path: string
}

/** An open descriptor and the file under it. */
export interface OpenDescriptor {
  fd: number
  path: string
}

const deleted = / \(deleted\)$/

/** The mappings of one file, in the order of their addresses. `path` must be absolute and without links. */
export function mappingsOf(path: string): MappedRange[] {
  return mappings().filter(range => range.path === path)
}

/** The sum of the mappings of one file: bytes, in whole pages. */
export function mappedBytesOf(path: string): number {
  return mappingsOf(path).reduce((sum, range) => sum + range.bytes, 0)
}

/** The mappings of all files in a folder and below it. */
export function mappingsBelow(folder: string): MappedRange[] {
  return mappings().filter(range => range.path.startsWith(`${folder}/`))
}

/** How the OS treats each mapping of one file, in the order of their addresses: `VmFlags` of `/proc/self/smaps`. */
export function adviceOf(path: string): string[][] {
  const parts = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  return parts
    .filter(part => part.slice(0, part.indexOf('\n')).endsWith(` ${path}`))
    .map(part => /^VmFlags: (.*)$/m.exec(part)?.[1]?.trim().split(' ') ?? [])
}

/** The descriptors open on one file. `path` must be absolute and without links. */
export function descriptorsOf(path: string): number[] {
  return descriptors()
    .filter(open => open.path === path)
    .map(open => open.fd)
}

/** The descriptors open on files in a folder and below it. */
export function descriptorsBelow(folder: string): OpenDescriptor[] {
  return descriptors().filter(open => open.path.startsWith(`${folder}/`))
}

function mappings(): MappedRange[] {
  if (!canWitness) return []
  const ranges: MappedRange[] = []
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    // start-end perms offset dev inode   path; a path may hold spaces, a newline in it is written \012.
    const parts = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \d+ +(\/.*)$/.exec(line)
    if (!parts) continue
    const [, from = '', to = '', offset = '', path = ''] = parts
    const start = BigInt(`0x${from}`)
    const end = BigInt(`0x${to}`)
    ranges.push({
      start,
      end,
      bytes: Number(end - start),
      offset: Number(`0x${offset}`),
      path: path.replace(deleted, '').replaceAll('\\012', '\n')
    })
  }
  return ranges
}

function descriptors(): OpenDescriptor[] {
  if (!canWitness) return []
  const open: OpenDescriptor[] = []
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      open.push({ fd: Number(name), path: readlinkSync(`/proc/self/fd/${name}`).replace(deleted, '') })
    } catch {
      // The descriptor that listed the folder is closed by now.
    }
  }
  return open
}
