/// <reference types="node" preserve="true" />
/**
 * slidemap: walk, stream and read files of any size through sliding memory maps, under hard limits.
 *
 * @module
 */
import type { MappedFile } from './file.js'
import { MapManager, type OpenOptions } from './map-manager.js'
import type { ConcatOptions, Concatenation } from './sequence/concat.js'
import type { Source } from './source.js'

export { MappedBuffer } from './access/buffer.js'
export type { Sought } from './access/search.js'
export { Cursor, type LoadOptions } from './access/cursor.js'
export type { FaultMessage, RangeMessage, WaitMessage } from './diagnostics.js'
export { ERROR_CODES, type ErrorCode, type ErrorDetails, SlidemapError, type SystemError } from './errors.js'
export { type FileCallOptions, MappedFile } from './file.js'
export { type ManagerOptions, type ManagerStats, MapManager, type OpenOptions } from './map-manager.js'
export type { MapperChoice } from './mapping/choose.js'
export { type MmapIo, mmapIoMapper } from './mapping/mmap-io.js'
export type { FileInfo, MapOutcome, Mapper, Mapping, MapTask, SmallTask } from './mapping/mapper.js'
export type { FollowOptions } from './sequence/follow.js'
export type { Line, LineEncoding, LineOptions } from './sequence/line-plan.js'
export type { LineSyncOptions } from './sequence/lines-sync.js'
export { Concatenation, type ConcatOptions, type ConcatWindows } from './sequence/concat.js'
export type { SourceWindow } from './sequence/concat-window.js'
export type { MapReadable, MapReadableEvents } from './sequence/readable.js'
export type {
  DelimiterFraming,
  FixedFraming,
  HeaderFraming,
  PrefixFraming,
  RecordFraming,
  RecordLimits,
  RecordOptions
} from './sequence/record-plan.js'
export type { MapRecord, RecordBatch } from './sequence/record-splitter.js'
export type { PipeToOptions } from './sequence/pipe-to.js'
export type {
  Iteration,
  Sequence,
  StreamOptions,
  WebStreamOptions,
  WindowIterator
} from './sequence/sequence.js'
export type { Sinkable } from './sequence/sinks.js'
export type { Lifetime, WindowOptions } from './sequence/windows.js'
export type { SyncIteration } from './sequence/sync-walk.js'
export type { WindowSyncOptions } from './sequence/windows-sync.js'
export type { Source, SourceRange } from './source.js'
export type { Window } from './window.js'

/** The process-wide manager: the one piece of module state there is, made on first use. */
let defaultManager: MapManager | undefined

/**
 * Open a file on the process-wide manager, which has the default limits. See {@link MapManager.open}.
 *
 * @example
 * ```ts
 * import { open } from 'slidemap'
 *
 * await using file = await open('huge.log')
 * for await (const { bytes } of file.windows()) hash.update(bytes)
 * ```
 */
export async function open(source: Source, options?: OpenOptions): Promise<MappedFile> {
  defaultManager ??= new MapManager()
  return defaultManager.open(source, options)
}

/**
 * Many files as one sequence, on the process-wide manager. See {@link MapManager.concat}.
 *
 * @example
 * ```ts
 * import { concat } from 'slidemap'
 *
 * concat(['part.000', 'part.001', 'part.002']).stream().pipe(createWriteStream('whole'))
 * ```
 */
export function concat<S extends Source>(
  sources: Iterable<S> | AsyncIterable<S>,
  options?: ConcatOptions
): Concatenation<S> {
  defaultManager ??= new MapManager()
  return defaultManager.concat(sources, options)
}
