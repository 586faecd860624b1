/**
 * The native addon as TypeScript sees it: what `native/binding.c` exports, and nothing more.
 *
 * The addon never composes an error of the operating system: it answers `errno` and the name of the call,
 * and `native.ts` makes Node's kind of error of them. It throws for wrong arguments only (`TypeError` with
 * `ERR_INVALID_ARG_TYPE`, `RangeError` with `ERR_OUT_OF_RANGE`), before the first system call.
 */

/** What kind of thing a descriptor is open on. */
export const KIND = {
  /** A regular file. */
  file: 0,
  directory: 1,
  /** A block device; `size` is its capacity. */
  block: 2,
  /** Anything that has no bytes at offsets: a FIFO, a socket, a character device. */
  other: 3,
  /** A regular file whose size is not its content's (procfs, sysfs): read to its end, never mapped. */
  pseudo: 4
} as const

/** What `advise` can say of a mapping. */
export const ADVICE = { normal: 0, sequential: 1, random: 2, willNeed: 3, populate: 4, dontNeed: 5 } as const

/** What one job came to. `errno` 0 means it went well. */
export interface AddonOutcome {
  /** The OS's error number (positive), 0 for none. `ECANCELED` after `cancel()`. */
  errno: number
  /** The system call that failed, `''` for none. */
  syscall: string
  /** The descriptor: the one given, or the one opened; -1 where opening failed or the job failed after it. */
  fd: number
  /** One of `KIND`. */
  kind: number
  /** Size in bytes, as the OS said after the range was mapped and populated. */
  size: number
  dev: bigint
  ino: bigint
  /** Time of the last change of the content, nanoseconds since the epoch. */
  mtimeNs: bigint
  /** The mapped bytes, exactly `length` long; absent where none were asked for, or `size` fell short of the range. */
  buffer?: ArrayBuffer
  /** Where a page of the range could not be read (`EIO` of `madvise`), in bytes from `offset`; absent for none. */
  lost?: number
  /** The mapping's place in the process-wide table. */
  slot: number
  /** The mapping's number: a slot is used again, a serial never is. */
  serial: number
  /** The runtime forbids external buffers: `buffer` is a copy, and the mapping is gone already. Else absent. */
  copied?: true
}

/** Counted for this environment (the main thread or one Worker), except `faults`. */
export interface AddonCounters {
  /** Mappings alive. */
  mappings: number
  /** Their bytes, rounded up to pages. */
  mappedBytes: number
  /** Released address ranges at rest. */
  resting: number
  restingBytes: number
  /** Those that have rested, and stay covered since their ArrayBuffer has not been collected yet. */
  outlasting: number
  outlastingBytes: number
  /** Jobs on the thread pool. */
  jobs: number
  /** Mappings of this process that lost pages (SIGBUS turned into zeros). */
  faults: number
}

export interface Addon {
  /** Bytes of a page. */
  readonly pageSize: number
  /** Offsets of mappings are multiples of this many bytes. */
  readonly granularity: number
  /**
   * `[0]` counts, modulo 2^32, how often this environment's mappings lost bytes: it has changed whenever `fault` has
   * anything new to say of one of them. Read as memory, without a call.
   */
  readonly losses: Uint32Array

  /**
   * Open (where `path` is given), stat, map and populate, as one job on the thread pool.
   *
   * @param job a number of the caller's own choice, unique among its jobs under way, for `cancel`
   * @param fd the descriptor to use, or -1 to open `path`
   * @param path bytes of the path without a terminator, or null; copied before the call returns
   * @param flags extra open flags, or'ed to `O_RDONLY | O_CLOEXEC | O_NONBLOCK`
   * @param offset bytes, a multiple of the granularity, 0 .. 2^53 - 1
   * @param length bytes, 0 to map nothing; `offset + length` <= 2^53 - 1
   * @param populate fault the pages in before the job ends
   * @param exact read nothing but the range for this mapping, now or later: where it is missing, page by page; default
   *   false, and in large steps
   */
  run(
    job: number,
    fd: number,
    path: Uint8Array | null,
    flags: number,
    offset: number,
    length: number,
    populate: boolean,
    exact?: boolean
  ): Promise<AddonOutcome>
  /** The same, on this thread. */
  runSync(
    fd: number,
    path: Uint8Array | null,
    flags: number,
    offset: number,
    length: number,
    populate: boolean,
    exact?: boolean
  ): AddonOutcome
  /**
   * Read small files whole, one after the other, as one job on the thread pool.
   *
   * @param job as for `run`
   * @param paths bytes of 1 to 65536 paths, each with a null byte after it; copied before the call returns
   * @param limit bytes of one file at the most, 0 .. 2^30
   * @param target where their bytes go, one file after the other; not to be touched before the job has ended
   * @returns the length of each file, or -1 for one that has to be opened on its own; fewer than paths where the next
   *   file found no room; none after `cancel()`
   */
  readSmall(job: number, paths: Uint8Array, limit: number, target: Uint8Array): Promise<Int32Array>
  /** Ask a job to end soon: it looks between two steps of populating, undoes what it did, and ends with ECANCELED. */
  cancel(job: number): void

  /**
   * Unmap at once: the range is covered by empty pages and rests; `buffer` is detached, every view of it has
   * length 0 from then on. It rests while the next 1,024 are released, and as long as `buffer` has not been collected
   * (a stalled socket keeps what it was given). Idempotent: an old `serial` does nothing.
   *
   * @param buffer the mapping's ArrayBuffer, or null once it has been collected
   * @returns offset in the mapping of the first byte lost to a fault, or -1 for none (also when already unmapped)
   */
  unmap(slot: number, serial: number, buffer: ArrayBuffer | null): number
  /** Offset in the mapping of the first byte lost to a fault, -1 for none. */
  fault(slot: number, serial: number): number
  /** Give advice on the bytes `[offset, offset + length)` of a mapping. Answers errno, 0 for success. */
  advise(slot: number, serial: number, offset: number, length: number, advice: number): number
  /** Which pages of a mapping are in RAM: one byte a page, bit 0. Answers errno, 0 for success. */
  resident(slot: number, serial: number, pages: Uint8Array): number
  /** Let the page cache forget `[offset, offset + length)` of a file; length 0 means to the end. Answers errno. */
  forget(fd: number, offset: number, length: number): number

  /**
   * Find every delimiter in `bytes`, from left to right and none overlapping another, until `positions` is full.
   *
   * @param bytes shorter than 2^32
   * @param delimiter 1 byte or more
   * @param positions filled with indices in `bytes`
   * @returns how many there are in it
   */
  scan(bytes: Uint8Array, delimiter: Uint8Array, positions: Uint32Array): number

  /**
   * Forget ranges of a file, then look which pages of `[offset, offset + length)` the page cache lacks, and have the
   * kernel read in exactly these: as one job on the thread pool. Nothing of it fails: where the OS does not tell,
   * nothing is lacking.
   *
   * @param job as in {@link run}; cancelled, it stops reading
   * @param fd open until the promise has settled
   * @param offset bytes, a multiple of the granularity
   * @param length bytes, 0 to look at nothing; mapped for a moment, and in no counter
   * @param forget pairs of offset and length, in bytes
   * @returns pairs of offset and length, in bytes: runs of whole pages; null where it was cancelled before it began
   */
  visitCache(
    job: number,
    fd: number,
    offset: number,
    length: number,
    forget: Float64Array
  ): Promise<Float64Array | null>

  /** Close a descriptor that this addon opened, on the thread pool. Answers errno. */
  close(fd: number): Promise<number>
  closeSync(fd: number): number
  /**
   * Let the C library keep the memory of freed chunks (up to 62 MiB, glibc) instead of giving it back to the OS and
   * faulting it in again: for the whole process, and for good.
   */
  keepFreedMemory(): void
  /** Give all resting addresses back to the OS. */
  drain(): void
  counters(): AddonCounters
}
