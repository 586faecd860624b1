import { expect } from 'chai'
import { Handle, Handles } from '../../lib/manager/handles.js'
import type { MapOutcome } from '../../lib/mapping/mapper.js'
import { FakeMapper } from '../support/fake-mapper.js'

/** Handles over files of a fake mapper, and jobs on them. */
export class HandleBench {
  readonly mapper = new FakeMapper()
  readonly handles: Handles

  constructor(limit: number, ...paths: string[]) {
    this.handles = new Handles(limit)
    for (const path of paths) this.mapper.disk.add(path, 'content')
  }

  handle(path: string): Handle {
    return new Handle(this.mapper, path)
  }

  /** A handle whose file has been opened, as a file's is. */
  async opened(path: string): Promise<Handle> {
    const handle = this.handle(path)
    handle.info = (await this.use(handle)).info
    return handle
  }

  use(handle: Handle, length = 0, signal?: AbortSignal): Promise<MapOutcome> {
    return this.handles.use(handle, target => handle.mapper.run({ target, length }, signal), signal)
  }

  async closeAll(...all: Handle[]): Promise<void> {
    await Promise.all(all.map(handle => this.handles.close(handle)))
    expect(this.mapper.leftovers).to.deep.equal([])
    expect([this.handles.budget.held, this.handles.budget.waiters]).to.deep.equal([0, 0])
  }
}
