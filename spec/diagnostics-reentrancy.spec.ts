import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { truncateSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { type Cursor, MapManager, type ManagerOptions, type MappedFile } from '../lib/index.js'
import { tempFile } from './support/files.js'
import { eventually, mappingMappers, realMappers } from './support/mappers.js'

const PAGE = 4096

type Channel = 'map' | 'unmap' | 'evict' | 'wait' | 'fault'

/** What a listener may do, of which what it listens to must not fall over. */
interface Scene {
  manager: MapManager
  file: MappedFile
  stop: AbortController
}

describe('who listens to the diagnostics channels', function () {
  this.timeout(20_000)

  let undo: (() => void)[]
  let path: string

  beforeEach(() => {
    undo = []
    path = tempFile('reentrant.bin', Buffer.alloc(64 * PAGE, 7))
  })

  afterEach(() => {
    for (const call of undo) call()
  })

  /** Act at the next message of a channel, once. */
  function once(name: Channel, act: () => void): void {
    const listen = () => {
      unsubscribe(`slidemap:${name}`, listen)
      act()
    }
    subscribe(`slidemap:${name}`, listen)
    undo.push(() => unsubscribe(`slidemap:${name}`, listen))
  }

  const open = async (options: ManagerOptions): Promise<Scene> => {
    const manager = new MapManager({ windowSize: PAGE, maxMappedBytes: PAGE, ...options })
    return { manager, file: await manager.open(path), stop: new AbortController() }
  }

  /** What came of it: the code or message of its error, or `'done'`. */
  const told = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'done',
      error => error.code ?? error.message
    )

  const closedClean = async ({ manager }: Scene) => {
    await manager.close()
    expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, waiters: 0, handles: 0, files: 0 })
    expect(manager.stats()).to.include({ cachedRegions: 0, cachedBytes: 0 })
  }

  const works: Record<string, (scene: Scene) => Promise<unknown>> = {
    'cursor.load()': ({ file, stop }) => file.cursor().load(20 * PAGE, 1, { signal: stop.signal }),
    'windows()': ({ file, stop }) => file.windows({ start: 20 * PAGE, signal: stop.signal }).next(),
    'read()': ({ file, stop }) => file.read(20 * PAGE, PAGE, { signal: stop.signal })
  }
  const syncWorks: Record<string, (scene: Scene) => Promise<unknown>> = {
    'cursor.use()': async ({ file }) => file.cursor().use(20 * PAGE),
    'a number': async ({ file }) => file.buffer().readUInt8(20 * PAGE),
    'lease()': async ({ file }) => file.buffer().lease(20 * PAGE, 1),
    'windowsSync()': async ({ file }) => file.windowsSync({ start: 20 * PAGE }).next()
  }
  const acts: Record<string, [act: (scene: Scene) => unknown, code: string]> = {
    'aborts it': [({ stop }) => stop.abort(new Error('mine')), 'mine'],
    'closes the file': [({ file }) => void file.close(), 'ERR_MAP_CLOSED'],
    'closes the manager': [({ manager }) => void manager.close(), 'ERR_MAP_CLOSED'],
    'unmaps the file': [({ manager }) => manager.unmapFile(path), 'ERR_MAP_RELEASED']
  }

  for (const mapper of realMappers) {
    for (const [what, work] of Object.entries(works)) {
      for (const [how, [act, code]] of Object.entries(acts)) {
        it(`and ${how} where ${what} begins to wait, ends it (${mapper})`, async () => {
          const scene = await open({ mapper })
          const held = scene.file.cursor().use(0)
          once('wait', () => act(scene))
          const outcome = await told(work(scene))
          // Unmapping makes the room that is waited for.
          expect(outcome).to.be.oneOf(how === 'unmaps the file' ? ['done', code] : [code])
          held.unuse()
          await closedClean(scene)
        })
      }
    }

    for (const [what, work] of Object.entries({ ...works, ...syncWorks })) {
      for (const [how, [act, code]] of Object.entries(acts)) {
        for (const channel of ['map', 'evict', 'unmap'] as const) {
          it(`and ${how} at what ${what} does to slidemap:${channel}, leaves nothing (${mapper})`, async () => {
            const scene = await open({ mapper })
            scene.file.cursor().use(0).unuse()
            once(channel, () => act(scene))
            expect(await told(work(scene))).to.be.oneOf(['done', code, 'ERR_MAP_RELEASED', 'ERR_MAP_CLOSED'])
            await closedClean(scene)
          })
        }
      }
    }

    it(`and closes the manager where a file waits for its handle, has it refused (${mapper})`, async () => {
      const scene = await open({ mapper, maxHandles: 1 })
      const busy = told(scene.file.refresh())
      once('wait', () => void scene.manager.close())
      expect(await told(scene.manager.open(path))).to.equal('ERR_MAP_CLOSED')
      await busy
      await closedClean(scene)
    })

    it(`and leases what was to be evicted, has another evicted in its place (${mapper})`, async () => {
      const scene = await open({ mapper, maxMappedBytes: 2 * PAGE })
      const { file } = scene
      file.cursor().use(0).unuse()
      file.cursor().use(PAGE).unuse()
      let kept: Cursor | undefined
      once('evict', () => {
        kept = file.cursor().use(0)
      })
      const cursor = await file.cursor().load(9 * PAGE)
      expect([kept?.bytes[0], kept?.bytes.length, cursor.bytes[0]]).to.deep.equal([7, PAGE, 7])
      await closedClean(scene)
    })

    it(`and gives a cursor back as it moves, gives back what it moved to, once (${mapper})`, async () => {
      const scene = await open({ mapper, maxMappedBytes: 2 * PAGE })
      const { file, manager } = scene
      const [moving, other, third] = [file.cursor(), file.cursor(), file.cursor()]
      other.use(PAGE)
      moving.use(0)
      const waiting = third.load(10 * PAGE)
      await eventually(() => manager.stats().waiters === 1)
      once('evict', () => moving.unuse())
      moving.use(PAGE)
      await waiting
      for (const cursor of [moving, other, third]) cursor.unuse()
      manager.collect()
      expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, cachedRegions: 0 })
      await closedClean(scene)
    })

    for (const [how, act] of Object.entries<(cursor: Cursor) => void>({
      'sends it elsewhere': cursor => void cursor.use(5 * PAGE),
      'disposes of it': cursor => cursor[Symbol.dispose]()
    })) {
      it(`and ${how} as a cursor maps a region, is who counts: the cursor leases one or none (${mapper})`, async () => {
        const scene = await open({ mapper, maxMappedBytes: 8 * PAGE })
        const cursor = scene.file.cursor()
        once('map', () => act(cursor))
        expect(await told((async () => cursor.use(0))())).to.equal('ERR_MAP_RELEASED')
        expect([cursor.valid, cursor.length]).to.deep.equal(
          how === 'disposes of it' ? [false, 0] : [true, PAGE]
        )
        cursor.unuse()
        scene.manager.collect()
        expect(scene.manager.stats()).to.include({ mappedBytes: 0, regions: 0 })
        await closedClean(scene)
      })
    }
  }

  for (const mapper of mappingMappers) {
    it(`and disposes of a cursor at a loss that is found as it is given back, takes nothing from others (${mapper})`, async () => {
      const scene = await open({ mapper, windowSize: 16 * PAGE, maxMappedBytes: 16 * PAGE })
      const { file } = scene
      const [cursor, other] = [file.cursor().use(0, 16 * PAGE), file.cursor().use(0, PAGE)]
      const kept = other.bytes
      truncateSync(path, 8 * PAGE)
      expect(cursor.bytes[9 * PAGE]).to.equal(0)
      once('fault', () => {
        expect(() => cursor[Symbol.dispose]()).to.throw('ends at')
      })
      cursor.unuse()
      expect([other.valid, kept.length, kept[0]]).to.deep.equal([true, PAGE, 7])
      other.unuse()
      await closedClean(scene)
    })
  }

  for (const mapper of realMappers) {
    for (const [how, work] of Object.entries({
      'cursor.load()': works['cursor.load()'],
      'read()': works['read()']
    })) {
      it(`and takes the room that is made for ${how}, lets it have other room that can be made (${mapper})`, async () => {
        const scene = await open({ mapper, windowSize: 4 * PAGE, maxMappedBytes: 16 * PAGE })
        const { file } = scene
        for (const offset of [0, 8, 32, 40])
          file
            .cursor()
            .use(offset * PAGE, 4 * PAGE)
            .unuse()
        const other = file.cursor()
        let calls = 0
        const listen = () => {
          if (calls++ === 0) other.use(48 * PAGE, 4 * PAGE)
        }
        subscribe('slidemap:evict', listen)
        undo.push(() => unsubscribe('slidemap:evict', listen))
        expect(await told(work?.(scene) as Promise<unknown>)).to.equal('done')
        other.unuse()
        await closedClean(scene)
      })
    }

    it(`and maps something each time that something goes, keeps nobody from coming to an end (${mapper})`, async () => {
      const scene = await open({ mapper, windowSize: PAGE, maxMappedBytes: 4 * PAGE })
      const { file, manager } = scene
      for (let page = 0; page < 8; page += 2)
        file
          .cursor()
          .use(page * PAGE, 1)
          .unuse()
      let calls = 0
      let busy = false
      const listen = () => {
        if (busy) return
        busy = true
        calls++
        // Else who never comes to an end would never be told of.
        if (calls > 100) throw new Error('again and again')
        file
          .cursor()
          .use((9 + 2 * (calls % 20)) * PAGE, 1)
          .unuse()
        busy = false
      }
      subscribe('slidemap:evict', listen)
      undo.push(() => unsubscribe('slidemap:evict', listen))
      const cursor = file.cursor().use(60 * PAGE, 1)
      expect(cursor.bytes[0]).to.equal(7)
      manager.collect()
      expect(calls).to.be.lessThan(20)
      cursor.unuse()
      undo.pop()?.()
      await closedClean(scene)
    })
  }
})

describe('a load of what is mapped already', () => {
  for (const mapper of realMappers) {
    it(`rejects where the file is unmapped or closed meanwhile (${mapper})`, async () => {
      const path = tempFile('warmed.bin', Buffer.alloc(64 * PAGE, 7))
      await using manager = new MapManager({ mapper, windowSize: 16 * PAGE })
      for (const [act, code] of [
        [() => manager.unmapFile(path), 'ERR_MAP_RELEASED'],
        [(file: MappedFile) => void file.close(), 'ERR_MAP_CLOSED']
      ] as const) {
        const file = await manager.open(path)
        file.cursor().use(0).unuse()
        const loading = file.cursor().load(0)
        act(file)
        expect(
          await loading.then(
            () => 'done',
            error => error.code
          )
        ).to.equal(code)
        await file.close()
      }
      expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0 })
    })
  }
})

describe('read()', () => {
  for (const mapper of realMappers) {
    it(`answers what the file holds now, also where it was loaded before and rewritten since (${mapper})`, async () => {
      const path = tempFile('rewritten.bin', Buffer.alloc(4 * PAGE, 'A'))
      await using manager = new MapManager({ mapper, windowSize: 4 * PAGE })
      const file = await manager.open(path)
      ;(await file.cursor().load(0)).unuse()
      writeFileSync(path, Buffer.alloc(4 * PAGE, 'B'), { flag: 'r+' })
      expect(String(await file.read(0, 4))).to.equal('BBBB')
    })
  }
})
