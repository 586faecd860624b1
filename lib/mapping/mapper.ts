/**
 * The one interface between slidemap and whatever gets a file's bytes into memory.
 *
 * A mapper knows descriptors and byte ranges. It knows no limits, no consumers and no windows: the manager
 * asks for nothing that the budget has not granted. `conformance.ts` is its specification, to be run.
 */
import type { Buffer } from 'node:buffer'

/** What is known of an open file. */
export interface FileInfo {
  /** `'pseudo'`: a regular file whose size is not its content's (procfs, sysfs); it can be read, not mapped. */
  readonly kind: 'file' | 'directory' | 'block' | 'other' | 'pseudo'
  /** Bytes. */
  readonly size: number
  readonly dev: bigint
  readonly ino: bigint
  /** Nanoseconds since the epoch. */
  readonly mtimeNs: bigint
}

/** One job: open if a path is given, stat, and map if a range is given. */
export interface MapTask {
  /** The descriptor to use, or the path to open. */
  readonly target: number | string | Buffer
  /** Extra flags for opening (`fs.constants.O_*`), or'ed to read-only and close-on-exec. Default 0. */
  readonly flags?: number
  /** Bytes from the start of the file: a multiple of {@link Mapper.granularity}. */
  readonly offset?: number
  /** Bytes to map; absent or 0 maps nothing. */
  readonly length?: number
  /**
   * Read nothing but the range for this mapping, now or later, so that what {@link Mapper.visitCache} found lacking is
   * all there is to forget. Default false. Of no meaning to a mapper without it.
   */
  readonly exact?: boolean
}

/** What a job came to. */
export interface MapOutcome {
  /** The descriptor: the caller's from now on, if the task named a path. */
  readonly fd: number
  /** As the OS says after the range was mapped and its pages were faulted in. */
  readonly info: FileInfo
  /**
   * The mapping asked for. Absent where none was asked for, or where `info.size` shows that the file ends before
   * the range does: who sees that, knows what to say of it.
   */
  readonly mapping?: Mapping
}

/** Files to be read whole, one after the other. */
export interface SmallTask {
  /** In the order they are wanted in; at least one. */
  readonly paths: readonly (string | Buffer)[]
  /** Bytes of one file at the most, up to 2^30. */
  readonly limit: number
  /** Bytes of all of them together at the most; not below `limit`, so that one fits. */
  readonly room: number
}

/** One mapping of one byte range of one file. */
export interface Mapping {
  /** The bytes; exactly as many as were asked for. One ArrayBuffer a mapping, never two. */
  readonly buffer: ArrayBuffer
  /** Whether nothing that happens to the file shows in the bytes, since they were read. Absent for false. */
  readonly copied?: boolean
  /**
   * Release the memory. Where the mapper {@link Mapper.detaches}, `buffer` has length 0 from here on, and so has
   * every view of it. Idempotent.
   *
   * @returns what {@link fault} would have said
   */
  unmap(): number
  /**
   * Offset in this mapping of the first byte that was lost (read as zero) because the file shrank or failed; -1 for
   * none. Asked after each number that is read, so it should cost no more than reading one.
   */
  fault(): number
  /**
   * Counts, in its first number, the losses under all mappings of whoever made this one: while that stands still,
   * {@link fault} answers what it did before, and need not be asked. Optional.
   */
  readonly losses?: Uint32Array
  /**
   * Make it true that the memory is gone, after `buffer` has been collected unreleased. Holds no reference to
   * `buffer`. Idempotent.
   */
  readonly forget: () => void
}

/** Gets bytes of files into memory: the OS's maps, or something that reads like them. */
export interface Mapper {
  /** `'native'`, `'read'`, `'mmap-io'`, or a name of your own. */
  readonly name: string
  /** Offsets of mappings are multiples of this many bytes. */
  readonly granularity: number
  /** A mapping of n bytes occupies n bytes rounded up to a multiple of this. */
  readonly pageSize: number
  /** No mapping reaches past this byte. */
  readonly maxOffset: number
  /** No mapping is longer than this many bytes. */
  readonly maxLength: number
  /** Whether `unmap()` gives memory back at once and detaches the buffer; else the garbage collector does. */
  readonly detaches: boolean
  /** Whether it serves files that cannot be mapped: `'pseudo'` ones, and those where mapping fails with ENODEV. */
  readonly servesAnyFile: boolean
  /**
   * Do one job without blocking the event loop, faulting pages in included.
   *
   * A job either comes to an outcome, or leaves nothing behind. `signal` makes it end soon; it rejects with the
   * signal's reason once all it did is undone.
   *
   * @throws errors of the OS as Node says them, with the path where it is known; ERR_MAP_IO with the offset where bytes
   *   of the range cannot be read; ERR_MAP_UNSUPPORTED for ranges past `maxOffset` or `maxLength`
   */
  run(task: MapTask, signal?: AbortSignal): Promise<MapOutcome>
  /** The same on this thread, pages not faulted in ahead. */
  runSync(task: MapTask): MapOutcome
  /**
   * Read small files whole into memory, many in one job, each opened and closed in its turn: a mapper that has this
   * spares them the way through {@link run}. Optional.
   *
   * @returns for each file, in order, its bytes; undefined for one that is larger than the limit, no regular file, of
   *   a size that is not its content's, or that could not be read: whoever wants it opens it on its own, and learns
   *   why. Shorter than `paths` where the file after it found no room; never empty.
   * @throws nothing of a file's; the signal's reason, once all it did is undone
   */
  readSmall?(task: SmallTask, signal?: AbortSignal): Promise<readonly (Mapping | undefined)[]>
  /**
   * Read in what the page cache lacks of a range, and no more, so that it can be forgotten later; first forget what
   * earlier calls found lacking. Off the event loop. The range may be mapped meanwhile, and is not afterwards. An
   * abort makes it end soon; it rejects where nothing was done. Absent where the cache cannot be asked.
   *
   * @param fd open until this settles
   * @param range whole pages; a length of 0 for none
   * @param forget ranges that no mapping holds any more
   * @returns what was lacking: ranges of whole pages
   */
  visitCache?(
    fd: number,
    range: { readonly offset: number; readonly length: number },
    forget: readonly { readonly offset: number; readonly length: number }[],
    signal?: AbortSignal
  ): Promise<readonly { readonly offset: number; readonly length: number }[]>
  /** Close a descriptor that a job opened. */
  close(fd: number): Promise<void>
  closeSync(fd: number): void
  /** Told once that copies will be made out of its mappings, many and short-lived. */
  expectCopies?(): void
  /** Give back what rests: address ranges, memory of released mappings. */
  drain(): void
  /**
   * Find every delimiter in `bytes`, from left to right and none overlapping another, until `positions` is full of
   * indices in `bytes`, which is shorter than 2^32. Absent where nothing does it faster than JavaScript.
   *
   * @returns how many there are in it
   */
  readonly scan?: (bytes: Uint8Array, delimiter: Uint8Array, positions: Uint32Array) => number
}
