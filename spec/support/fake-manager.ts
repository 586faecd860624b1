/** A region manager on a fake mapper, with small numbers: 10 pages of 16 bytes, and 4 handles. */
import { expect } from 'chai'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { RegionManager, type RegionManagerOptions } from '../../lib/manager/manager.js'
import type { Region } from '../../lib/manager/region.js'
import { FakeMapper } from './fake-mapper.js'

export class FakeManager extends RegionManager {
  readonly fake: FakeMapper
  /** What it warned of. */
  readonly warnings: string[]

  constructor(options: Partial<RegionManagerOptions> & { mapper?: FakeMapper } = {}) {
    const warnings: string[] = []
    const fake = options.mapper ?? new FakeMapper()
    super({
      maxMappedBytes: 160,
      maxHandles: 4,
      concurrency: 2,
      warn: message => warnings.push(message),
      ...options,
      mapper: fake
    })
    this.fake = fake
    this.warnings = warnings
  }

  /** Put a file on the disk of the fake mapper, and open it. */
  async with(path: string, content: string | Uint8Array | number): Promise<OpenFile> {
    this.fake.disk.add(path, content)
    return this.open(path, 0)
  }

  /** Neither the manager nor the mapper holds anything; said by both. */
  expectNothingHeld(): void {
    expect(this.fake.leftovers, 'by the mapper').to.deep.equal([])
    const { bytes, handles, files } = this
    expect({
      bytes: bytes.held,
      handles: handles.budget.held,
      waiters: bytes.waiters + handles.budget.waiters,
      files: files.size
    }).to.deep.equal({ bytes: 0, handles: 0, waiters: 0, files: 0 })
  }

  /** Close, and find nothing left; the limits were kept by the mapper's own count. */
  async closeClean(): Promise<void> {
    await this.close()
    this.expectNothingHeld()
    expect(this.fake.peakMappedBytes).to.be.at.most(this.bytes.limit)
    expect(this.fake.peakHandles).to.be.at.most(this.handles.budget.limit)
  }
}

/** Nobody aborts it. */
export const never = new AbortController().signal

/** Map a range of a file, as somebody who waits for it. */
export function map(file: OpenFile, offset: number, length: number, signal = never): Promise<Region> {
  return file.map({ offset, length }, signal)
}
