/** Windows that follow a file of a fake disk, `/log`, and a watch that rings by hand. */
import { expect } from 'chai'
import type { Window } from '../../lib/index.js'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { FollowedWindows, planFollow } from '../../lib/sequence/follow.js'
import type { View, WindowOptions } from '../../lib/sequence/windows.js'
import type { FakeFile } from '../support/fake-disk.js'
import { FakeManager } from '../support/fake-manager.js'
import { settled } from '../support/fake-mapper.js'
import { HandWatch } from '../support/hand-watch.js'

export class FollowBench {
  readonly manager = new FakeManager()
  readonly watch = new HandWatch(this.manager.fake.disk)

  /** Open the log anew. */
  open(): Promise<OpenFile> {
    return this.manager.open('/log', 0)
  }

  /** What is at the path now. */
  get log(): FakeFile {
    return this.manager.fake.disk.file('/log')
  }

  /** Put another file at the path, or none. */
  replace(content?: string | number): void {
    if (content === undefined) this.manager.fake.disk.remove('/log')
    else this.manager.fake.disk.add('/log', content)
  }

  follow(file: OpenFile, options: WindowOptions = {}, { limit = Number.POSITIVE_INFINITY, base = 0 } = {}) {
    const view: View = { file, base, size: file.size - base, windowSize: 8, prefetch: 0 }
    return new FollowedWindows(view, planFollow(view, { follow: true, ...options }, limit), this.watch)
  }

  /** Take the window that there is; `next` waits for another. */
  async waiting(windows: FollowedWindows): Promise<{ next: ReturnType<FollowedWindows['next']> }> {
    expect(text(await windows.next())).to.equal('0:one')
    const next = windows.next()
    await settled()
    expect(this.watch.alarms).to.equal(1)
    return { next }
  }

  async closeClean(): Promise<void> {
    await this.manager.closeClean()
    await settled()
    expect(this.watch.alarms).to.equal(0)
  }
}

/** What `next()` answered, as text. */
export function text({ value }: IteratorResult<Window, undefined>): string | undefined {
  return value && `${value.offset}:${value.bytes}`
}
