/**
 * A disk made of memory, for {@link FakeMapper}: files that can be written to, cut short, replaced and lost by hand.
 */
import { ERRNO, systemError } from '../../lib/errors.js'
import type { FileInfo } from '../../lib/mapping/mapper.js'
import { alignUp } from '../../lib/range.js'
import { bytesAt } from './files.js'

/** What a file holds: these bytes, or as many as this of {@link bytesAt} under the file's inode as seed. */
export type Content = string | Uint8Array | number

export interface FileOptions {
  kind?: FileInfo['kind']
  /** Whether mapping it works; else it fails with ENODEV, as on some network mounts. Default true. */
  mappable?: boolean
}

/** A mapping as its file sees it. Holds the bytes weakly: a mapping that was dropped can be collected. */
export interface MappedPart {
  readonly file: FakeFile
  readonly path: string
  readonly offset: number
  readonly length: number
  readonly pageSize: number
  /** Absent while it is being mapped. */
  bytes: WeakRef<ArrayBuffer> | undefined
  /** Offset in the mapping of the first byte lost, -1 for none. */
  lost: number
}

/** What a descriptor is open on. */
export interface Descriptor {
  readonly file: FakeFile
  readonly path: string
  /** Jobs that run on it now. */
  jobs: number
}

export class FakeFile {
  readonly ino: number
  readonly kind: FileInfo['kind']
  readonly mappable: boolean
  /** Live mappings of it. */
  readonly mapped = new Set<MappedPart>()
  #size = 0
  #mtimeNs = 1n
  #read: (offset: number, length: number) => Uint8Array = (_, length) => new Uint8Array(length)

  constructor(ino: number, content: Content, { kind = 'file', mappable = true }: FileOptions) {
    this.ino = ino
    this.kind = kind
    this.mappable = mappable
    this.write(content)
  }

  get size(): number {
    return this.#size
  }

  get info(): FileInfo {
    return { kind: this.kind, size: this.#size, dev: 1n, ino: BigInt(this.ino), mtimeNs: this.#mtimeNs }
  }

  /** The bytes of a range, zeros past the end. */
  read(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    const inside = Math.max(0, Math.min(length, this.#size - offset))
    if (inside > 0) bytes.set(this.#read(offset, inside))
    return bytes
  }

  /** Other content in the same file, changed a moment later. Mappings made before keep what they hold. */
  write(content: Content): void {
    if (typeof content === 'number') {
      this.#size = content
      this.#read = (offset, length) => bytesAt(this.ino, offset, length)
    } else {
      const bytes = Buffer.from(content)
      this.#size = bytes.length
      this.#read = (offset, length) => bytes.subarray(offset, offset + length)
    }
    this.#mtimeNs++
  }

  /**
   * Cut the file short or let it grow by zeros, a moment later. Mapped bytes past its end read as zeros from now on,
   * and whole pages past it are lost, as if somebody had touched them.
   */
  resize(size: number): void {
    const kept = Math.min(size, this.#size)
    const before = this.#read
    this.#read = (offset, length) => {
      const bytes = new Uint8Array(length)
      const inside = Math.max(0, Math.min(length, kept - offset))
      if (inside > 0) bytes.set(before(offset, inside))
      return bytes
    }
    this.#size = size
    this.#mtimeNs++
    for (const part of this.mapped) {
      this.#blank(part, size)
      if (alignUp(size, part.pageSize) < part.offset + part.length)
        this.#lose(part, alignUp(size, part.pageSize))
    }
  }

  /** The disk fails at this byte: mapped bytes from there on read as zeros, and are lost. */
  lose(offset: number): void {
    for (const part of this.mapped) {
      this.#blank(part, offset)
      if (offset < part.offset + part.length) this.#lose(part, offset)
    }
  }

  #blank(part: MappedPart, from: number): void {
    const bytes = part.bytes?.deref()
    if (bytes && from < part.offset + part.length)
      new Uint8Array(bytes).fill(0, Math.max(0, from - part.offset))
  }

  #lose(part: MappedPart, from: number): void {
    const lost = Math.max(0, from - part.offset)
    if (part.lost === -1 || lost < part.lost) part.lost = lost
  }
}

/** Of a path that was made absolute: on Windows that has a drive. */
export function withoutDrive(path: string): string {
  return process.platform === 'win32' ? path.replace(/^[A-Z]:/, '').replaceAll('\\', '/') : path
}

export class FakeDisk {
  /** Open descriptors by number. A number is never used twice, so that using a closed one shows. */
  readonly descriptors = new Map<number, Descriptor>()
  readonly #files = new Map<string, FakeFile>()
  #lastInode = 0
  #lastDescriptor = 1000

  /** Put a file at a path: another one if there is one already, whose descriptors and mappings keep what they had. */
  add(path: string, content: Content, options: FileOptions = {}): FakeFile {
    const file = new FakeFile(++this.#lastInode, content, options)
    this.#files.set(path, file)
    return file
  }

  /** The file at a path. @throws ENOENT */
  file(path: string): FakeFile {
    const file = this.#files.get(withoutDrive(path))
    if (!file) throw systemError(ERRNO.ENOENT, 'open', path)
    return file
  }

  remove(path: string): void {
    this.#files.delete(path)
  }

  /** Open a descriptor: also for specs that lend one of their own. */
  open(path: string): number {
    const file = this.file(path)
    this.descriptors.set(++this.#lastDescriptor, { file, path, jobs: 0 })
    return this.#lastDescriptor
  }

  /** @throws EBADF */
  descriptor(fd: number): Descriptor {
    const descriptor = this.descriptors.get(fd)
    if (!descriptor) throw systemError(ERRNO.EBADF, 'fstat')
    return descriptor
  }

  close(fd: number): void {
    if (!this.descriptors.delete(fd)) throw systemError(ERRNO.EBADF, 'close')
  }
}
