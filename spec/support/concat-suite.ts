/**
 * What specs of concatenations share: twelve files of 40 KiB, read whole or mapped, on each mapper, and witnesses that
 * nothing of them is held after each test.
 */
import { rmSync } from 'node:fs'
import { expect } from 'chai'
import { type ConcatOptions, MapManager, type Source } from '../../lib/index.js'
import { failure } from './failure.js'
import { bytesAt, KiB, tempFile, tempPath, temporaryFolder } from './files.js'
import { type RealMapper, realMappers } from './mappers.js'
import { descriptorsBelow, mappingsBelow } from './os.js'

export type Failure = Error & { code?: string; path?: string; index?: number; syscall?: string }

export class ConcatBench {
  readonly mapper: RealMapper
  readonly options: ConcatOptions
  readonly content = bytesAt(7, 0, 40 * KiB)
  /** New ones for each test. */
  paths: string[] = []
  manager!: MapManager

  constructor(mapper: RealMapper, options: ConcatOptions) {
    this.mapper = mapper
    this.options = options
  }

  begin(): void {
    rmSync(tempPath('left'), { recursive: true, force: true })
    this.paths = Array.from({ length: 12 }, (_, i) => tempFile(`left/${i}`, this.content))
    this.manager = new MapManager({
      mapper: this.mapper,
      maxMappedBytes: 512 * KiB,
      windowSize: 64 * KiB,
      maxHandles: 3
    })
  }

  async end(): Promise<void> {
    try {
      this.expectNothingHeld()
    } finally {
      await this.manager.close()
    }
  }

  readonly expectNothingHeld = (): void => {
    const { mappedBytes, regions, handles, files, waiters } = this.manager.stats()
    expect({ mappedBytes, regions, handles, files, waiters }).to.deep.equal({
      mappedBytes: 0,
      regions: 0,
      handles: 0,
      files: 0,
      waiters: 0
    })
    expect(mappingsBelow(temporaryFolder)).to.deep.equal([])
    expect(descriptorsBelow(temporaryFolder)).to.deep.equal([])
  }

  /** Walk until it fails: what it fails with, and how many windows came before. */
  readonly untilFailure = async (
    sources: Iterable<Source> | AsyncIterable<Source>
  ): Promise<{ error: Failure; count: number }> => {
    const windows = this.manager.concat(sources, this.options).windows()
    let count = 0
    const walk = async () => {
      for await (const { bytes, sourceOffset, length } of windows) {
        expect(bytes.equals(this.content.subarray(sourceOffset, sourceOffset + length))).to.equal(true)
        count++
      }
    }
    const error: Failure = await failure(walk())
    expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
    this.expectNothingHeld()
    return { error, count }
  }
}

/** Declare a suite for files that are read whole, and for those that are mapped, on each mapper. */
export function concatSuite(title: string, body: (bench: ConcatBench) => void): void {
  for (const mapper of realMappers) {
    for (const kind of ['small', 'mapped'] as const) {
      describe(`concat() of ${kind} files on the ${mapper} mapper, ${title}`, () => {
        const bench = new ConcatBench(mapper, kind === 'small' ? {} : { smallFileSize: 0 })
        beforeEach(() => bench.begin())
        afterEach(() => bench.end())
        body(bench)
      })
    }
  }
}
