import { expect } from 'chai'
import {
  appendFileSync,
  closeSync,
  openSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync
} from 'node:fs'
import { MapManager } from '../../lib/index.js'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { failure } from '../support/failure.js'
import type { FakeManager } from '../support/fake-manager.js'
import { settled } from '../support/fake-mapper.js'
import { bytesAt, tempFile } from '../support/files.js'
import type { HandWatch } from '../support/hand-watch.js'
import { collectedUntil, realMappers } from '../support/mappers.js'
import { FollowBench, text } from './follow-bench.js'

describe('windows that follow a file', () => {
  let bench: FollowBench
  let manager: FakeManager
  let watch: HandWatch
  let file: OpenFile
  beforeEach(async () => {
    bench = new FollowBench()
    ;({ manager, watch } = bench)
    file = await manager.with('/log', 'one')
  })
  afterEach(() => bench.closeClean())

  const follow = (options?: Parameters<FollowBench['follow']>[1]) => bench.follow(file, options)

  describe('of a file that does not only grow', () => {
    it('reject with ERR_MAP_FILE_TRUNCATED where it is cut short', async () => {
      const next = failure((await bench.waiting(follow())).next)
      bench.log.resize(2)
      await watch.ring()
      expect(await next).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path: '/log', offset: 2, length: 1 })
      expect(file.consumers.size).to.equal(0)
    })

    it('reject with ERR_MAP_FILE_CHANGED where another is at its path, once they have handed over what it held', async () => {
      const windows = follow()
      const { next } = await bench.waiting(windows)
      bench.log.write('onetwo')
      bench.replace('other')
      await watch.ring()
      expect(text(await next)).to.equal('3:two')
      expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_FILE_CHANGED', path: '/log' })
    })

    it('reject with ERR_MAP_FILE_CHANGED where none is at its path', async () => {
      const next = failure((await bench.waiting(follow())).next)
      bench.replace()
      await watch.ring()
      expect((await next).code).to.equal('ERR_MAP_FILE_CHANGED')
    })

    it('do not look at any path where the file was opened by a descriptor', async () => {
      const fd = manager.fake.disk.open('/log')
      file = await manager.open(() => fd, 0)
      const before = bench.log
      const windows = follow()
      const { next } = await bench.waiting(windows)
      bench.replace('other')
      before.write('onetwo')
      await watch.ring()
      expect(text(await next)).to.equal('3:two')
      await windows.return()
      manager.fake.disk.close(fd)
    })

    it('go on where its descriptor was closed for another file meanwhile', async () => {
      const windows = follow()
      const { next } = await bench.waiting(windows)
      const others = ['/a', '/b', '/c', '/d'].map(path => manager.with(path, 'other'))
      await Promise.all(others)
      expect(file.handle.fd).to.equal(-1)
      bench.log.write('onetwo')
      await watch.ring()
      expect(text(await next)).to.equal('3:two')
      await windows.return()
    })
  })

  describe('that may begin again', () => {
    const restart = { follow: { restart: true } }

    it('do so at the first byte of a file that was cut short', async () => {
      const windows = follow({ ...restart, overlap: 2, start: 1 })
      expect(text(await windows.next())).to.equal('1:ne')
      const next = windows.next()
      await settled()
      bench.log.write('N')
      await watch.ring()
      expect(text(await next)).to.equal('0:N')
      bench.log.write('New')
      expect(text(await windows.next())).to.equal('0:New')
      await windows.return()
    })

    it('do so with the file that is at the path now, after what the one before still held', async () => {
      const windows = follow(restart)
      const { next } = await bench.waiting(windows)
      bench.log.write('onetwo')
      bench.replace('other')
      await watch.ring()
      expect(text(await next)).to.equal('3:two')
      expect(text(await windows.next())).to.equal('0:other')
      bench.replace('third')
      expect(text(await windows.next())).to.equal('0:third')
      // The one that the caller opened, and the last of those that were found.
      expect(manager.files.size).to.equal(2)
      await windows.return()
      expect(manager.files.size).to.equal(1)
    })

    it('wait for a file where none is at the path', async () => {
      const { next } = await bench.waiting(follow(restart))
      bench.replace()
      await watch.ring()
      await watch.ring()
      expect(watch.alarms).to.equal(1)
      bench.replace('other')
      await watch.ring()
      expect(text(await next)).to.equal('0:other')
    })

    it('keep a window of the file they opened as long as somebody has its bytes', async () => {
      bench.replace('other')
      const bytes = await (async () => {
        const windows = follow(restart)
        expect(text(await windows.next())).to.equal('0:one')
        const { value } = await windows.next()
        return value?.retain().bytes
      })()
      await collectedUntil(() => false, 20)
      expect(`${bytes}`).to.equal('other')
    })

    it('close the file they opened with the one that the caller opened', async () => {
      bench.replace('other')
      const windows = follow(restart)
      await windows.next()
      expect(text(await windows.next())).to.equal('0:other')
      await file.close()
      expect(manager.files.size).to.equal(0)
      expect((await failure(windows.next())).code).to.equal('ERR_MAP_CLOSED')
    })

    it('are left while they open the file: nothing of it stays', async () => {
      for (const leave of ['return', 'close']) {
        file = await bench.open()
        const leaving = follow(restart)
        const { next } = await bench.waiting(leaving)
        bench.replace('new')
        const { ino } = bench.log
        manager.fake.hold()
        await watch.ring()
        manager.fake.letGo()
        await settled()
        expect(manager.fake.held).to.deep.equal(['open /log'])
        const answer = next.catch(error => error.code)
        const left = leave === 'return' ? leaving.return() : file.close()
        await settled()
        manager.fake.resume()
        await left
        expect(await answer).to.deep.equal(
          leave === 'return' ? { done: true, value: undefined } : 'ERR_MAP_CLOSED'
        )
        expect([...manager.files].filter(({ handle }) => handle.info?.ino === BigInt(ino))).to.deep.equal([])
        await file.close()
        bench.replace('one')
      }
    })

    it('hand over nothing of a file that was cut short while they copied it', async () => {
      bench.log.write(32)
      file = await bench.open()
      const { ino } = bench.log
      const windows = follow({ ...restart, size: 32 })
      manager.fake.hold()
      const next = windows.next()
      await settled()
      manager.fake.letGo()
      await settled()
      expect(manager.fake.held).to.deep.equal(['map /log 0+32'])
      manager.fake.letGo()
      // Within its last page, which no fault tells of.
      bench.log.resize(20)
      await settled()
      manager.fake.resume()
      const { value } = await next
      expect(value?.bytes).to.deep.equal(bytesAt(ino, 0, 20))
      await windows.return()
    })
  })
})

for (const mapper of realMappers) {
  describe(`windows({ follow }) of a real file on the ${mapper} mapper`, () => {
    // Longer than any spec: what wakes it is the OS.
    const never = { intervalMs: 24 * 60 * 60 * 1000 }

    it('hear from the OS that the file grows, is replaced and is cut short', async function () {
      if (process.platform !== 'linux') return this.skip()
      const path = tempFile('follow.log', 'one')
      await using manager = new MapManager({ mapper })
      await using file = await manager.open(path)
      const windows = file.windows({ follow: { ...never, restart: true } })
      const seen: (string | undefined)[] = []
      const next = async (change?: () => void) => {
        const answer = windows.next()
        change?.()
        seen.push(text(await answer))
      }
      await next()
      await next(() => appendFileSync(path, 'two'))
      await next(() => {
        writeFileSync(`${path}.new`, 'three')
        renameSync(`${path}.new`, path)
      })
      await next(() => appendFileSync(path, 'four'))
      await next(() => {
        truncateSync(path, 0)
        appendFileSync(path, 'five')
      })
      expect(seen).to.deep.equal(['0:one', '3:two', '0:three', '5:four', '0:five'])
      unlinkSync(path)
    })

    it('look by themselves where the OS tells nothing', async () => {
      const path = tempFile('follow.log', 'one')
      const fd = openSync(path, 'r')
      await using manager = new MapManager({ mapper })
      await using file = await manager.open(fd)
      const stream = file.stream({ follow: { intervalMs: 1 }, end: 9 })
      const chunks: string[] = []
      for await (const chunk of stream) {
        chunks.push(`${chunk}`)
        if (chunks.length < 3) appendFileSync(path, ['two', 'three'][chunks.length - 1] as string)
      }
      expect(chunks).to.deep.equal(['one', 'two', 'thr'])
      closeSync(fd)
    })

    it('leave nothing when the manager is closed while they wait', async () => {
      const path = tempFile('follow.log', 'one')
      const manager = new MapManager({ mapper })
      const file = await manager.open(path)
      const windows = file.windows({ follow: true })
      await windows.next()
      const next = failure(windows.next())
      await manager.close()
      expect((await next).code).to.equal('ERR_MAP_CLOSED')
    })
  })
}
