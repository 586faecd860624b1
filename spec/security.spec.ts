/**
 * What slidemap does to the rest of the system, and what others can do to it: descriptors, paths and links, and files
 * that change under their names.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  constants,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync
} from 'node:fs'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { concat, MapManager } from '../lib/index.js'
import { root } from './support/child.js'
import { failure } from './support/failure.js'
import { bytesAt, collect, KiB, tempFile, tempPath, temporaryFolder } from './support/files.js'
import { realMappers } from './support/mappers.js'
import { canWitness, descriptorsOf } from './support/os.js'

const execute = promisify(execFile)
const { O_NOFOLLOW } = constants
const SIZE = 300 * KiB

/** What a child that was executed just now has open. */
async function descriptorsOfChild(): Promise<string> {
  const { stdout } = await execute('ls', ['-l', '/proc/self/fd'])
  return stdout
}

for (const mapper of realMappers) {
  describe(`Security, on the ${mapper} mapper`, () => {
    let manager: MapManager
    let path: string
    let content: Buffer

    beforeEach(() => {
      manager = new MapManager({ mapper, windowSize: 64 * KiB })
      content = bytesAt(9, 0, SIZE)
      path = tempFile(`security-${mapper}/file`, content)
    })

    afterEach(async () => {
      await manager.close()
      rmSync(tempPath(`security-${mapper}`), { recursive: true })
    })

    describe('descriptors', () => {
      before(function () {
        if (!canWitness) this.skip()
      })

      it('are close-on-exec, and no child has them', async () => {
        const file = await manager.open(path)
        const windows = file.windows()
        await windows.next()
        const fds = descriptorsOf(path)
        expect(fds).to.have.length(1)
        for (const fd of fds) {
          const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
          expect(Number.parseInt(flags as string, 8) & 0o2000000, 'O_CLOEXEC').to.equal(0o2000000)
          expect(Number.parseInt(flags as string, 8) & 3, 'O_RDONLY').to.equal(0)
        }
        expect(await descriptorsOfChild())
          .to.include('/proc')
          .and.to.not.include(temporaryFolder)
        await windows.return?.()
      })

      it('are so from the moment they are opened: children that are made meanwhile have none', async () => {
        const paths = Array.from({ length: 200 }, (_, i) => tempFile(`security-${mapper}/${i}`, content))
        let walking = true
        const walk = (async () => {
          let bytes = 0
          while (walking) {
            for await (const window of manager.concat(paths, { smallFileSize: 0 }).windows())
              bytes += window.length
          }
          return bytes
        })()
        const children: string[] = []
        for (let i = 0; i < 20; i++) children.push(await descriptorsOfChild())
        walking = false
        expect(await walk).to.be.above(0)
        expect(children.join('\n')).to.not.include(temporaryFolder)
      })
    })

    describe('links', () => {
      let link: string

      beforeEach(function () {
        if (process.platform === 'win32') this.skip()
        link = tempPath(`security-${mapper}/link`)
        symlinkSync(path, link)
      })

      it('are followed where nothing is said, and refused by O_NOFOLLOW', async () => {
        const file = await manager.open(link)
        expect((await collect(file.stream())).equals(content)).to.equal(true)
        expect(await failure(manager.open(link, { flags: O_NOFOLLOW }))).to.include({
          code: 'ELOOP',
          syscall: 'open',
          path: link
        })
        expect(manager.stats()).to.include({ files: 1 })
      })

      it('are refused as well where they took the place of a file between two openings', async () => {
        const strict = await manager.open(path, { flags: O_NOFOLLOW })
        const lenient = await manager.open(path)
        const moved = `${path}.moved`
        renameSync(path, moved)
        symlinkSync(moved, path)
        manager.unmapFile(path)
        // The same file by now, but by way of a link.
        expect((await lenient.read(0, 8)).equals(content.subarray(0, 8))).to.equal(true)
        expect(await failure(strict.read(0, 8))).to.include({ code: 'ELOOP' })
        expect(() => strict.cursor().use(0))
          .to.throw()
          .with.property('code', 'ELOOP')
        expect(await failure(collect(strict.stream()))).to.include({ code: 'ELOOP' })
      })

      for (const [size, smallFileSize] of [
        ['small', SIZE],
        ['large', 0]
      ] as const) {
        it(`are refused in a concatenation of ${size} files, first and last, and others are not harmed`, async () => {
          const flags = O_NOFOLLOW
          const whole = await collect(manager.concat([path, path], { flags, smallFileSize }).stream())
          expect(whole.equals(Buffer.concat([content, content]))).to.equal(true)
          for (const [index, sources] of [[link], [path, path, link]].entries()) {
            const error = await failure(collect(manager.concat(sources, { flags, smallFileSize }).stream()))
            expect(error).to.include({ code: 'ELOOP', path: link, index: index === 0 ? 0 : 2 })
          }
          expect(
            (await collect(manager.concat([link], { smallFileSize }).stream())).equals(content)
          ).to.equal(true)
          expect(manager.stats()).to.include({ files: 0, handles: 0, mappedBytes: 0 })
        })
      }

      it('in the middle of a path are whose it is: O_NOFOLLOW is of the last name', async () => {
        symlinkSync(tempPath(`security-${mapper}`), tempPath(`security-${mapper}/self`))
        const file = await manager.open(tempPath(`security-${mapper}/self/file`), { flags: O_NOFOLLOW })
        expect(file.size).to.equal(SIZE)
      })
    })

    describe('a file that is another when it is opened again', () => {
      /** What makes it another, or look like the same. */
      const changes: [words: string, change: (path: string) => void][] = [
        [
          'was replaced by another of the same size',
          swap => {
            const other = tempFile(`security-${mapper}/other`, bytesAt(10, 0, SIZE))
            renameSync(other, swap)
          }
        ],
        [
          'was replaced by a link to another',
          swap => {
            const other = tempFile(`security-${mapper}/other`, bytesAt(10, 0, SIZE))
            unlinkSync(swap)
            symlinkSync(other, swap)
          }
        ],
        [
          'was replaced by another name of another file',
          swap => {
            const other = tempFile(`security-${mapper}/other`, bytesAt(10, 0, SIZE))
            unlinkSync(swap)
            linkSync(other, swap)
          }
        ],
        [
          'was written to, its size the same',
          swap => {
            // Another time, however coarse the clock of the file system is.
            utimesSync(swap, 1, 1)
          }
        ],
        ['has grown', swap => appendFileSync(swap, 'x')],
        ['has shrunk', swap => truncateSync(swap, SIZE - 1)]
      ]
      for (const [words, change] of changes) {
        it(`is ERR_MAP_FILE_CHANGED, and none of its bytes are handed over: it ${words}`, async () => {
          const file = await manager.open(path)
          await file.read(0, 1)
          manager.unmapFile(path)
          expect(descriptorsOf(path)).to.deep.equal([])
          change(path)
          for (const look of [
            () => file.read(0, 8),
            () => collect(file.stream()),
            async () => file.cursor().use(0),
            async () => file.buffer().readUInt8(0)
          ]) {
            expect(await failure(look())).to.include({ code: 'ERR_MAP_FILE_CHANGED', path })
          }
          expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0 })
        })
      }
    })

    it('tells of a file that is gone, or a directory, when it is opened again what the OS says', async () => {
      const file = await manager.open(path)
      for (const [code, change] of [
        ['ENOENT', () => unlinkSync(path)],
        ['EISDIR', () => mkdirSync(path)]
      ] as const) {
        manager.unmapFile(path)
        change()
        expect(await failure(file.read(0, 8))).to.include({ code, path })
        expect(() => file.cursor().use(0))
          .to.throw()
          .with.property('code', code)
      }
      expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0 })
    })

    describe('what is no file', () => {
      before(function () {
        if (process.platform !== 'linux') this.skip()
      })

      /** Codes that each may be refused with: it depends on who asks. */
      const others: [path: string, codes: string[]][] = [
        ['/', ['EISDIR']],
        ['/dev/null', ['ERR_MAP_UNSUPPORTED']],
        ['/dev/zero', ['ERR_MAP_UNSUPPORTED']],
        ['/dev/urandom', ['ERR_MAP_UNSUPPORTED']],
        ['/dev/tty', ['ERR_MAP_UNSUPPORTED', 'ENXIO', 'ENOENT']],
        ['/proc/self/fd/0/not', ['ENOTDIR', 'ENOENT']]
      ]
      for (const [name, codes] of others) {
        it(`is refused, never read without end: ${name}`, async () => {
          expect(codes).to.include((await failure(manager.open(name))).code)
          expect(codes).to.include((await failure(collect(manager.concat([name]).stream()))).code)
        })
      }

      it('is refused without waiting for the other end: a FIFO', async () => {
        const fifo = tempPath(`security-${mapper}/fifo`)
        expect(spawnSync('mkfifo', [fifo]).status).to.equal(0)
        expect(await failure(manager.open(fifo))).to.include({ code: 'ERR_MAP_UNSUPPORTED' })
        expect(await failure(collect(concat([fifo]).stream()))).to.include({ code: 'ERR_MAP_UNSUPPORTED' })
        expect(descriptorsOf(fifo)).to.deep.equal([])
      })

      it('is refused: a socket, by its path and by its descriptor', async () => {
        const socket = tempPath(`security-${mapper}/socket`)
        const server = createServer().listen(socket)
        await once(server, 'listening')
        expect(await failure(manager.open(socket))).to.include({ code: 'ENXIO' })
        server.close()
        const child: ChildProcess = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
        const { fd } = (child.stdin as unknown as { _handle: { fd: number } })._handle
        expect(await failure(manager.open(fd))).to.include({ code: 'ERR_MAP_UNSUPPORTED' })
        child.stdin?.end()
        await once(child, 'close')
      })

      it('is never taken for a file of the size that it says it has: procfs', async function () {
        if (mapper === 'native') this.skip()
        const file = await manager.open('/proc/self/status')
        expect(`${await collect(file.stream())}`).to.match(/^Name:\s+\S+/)
        // Nothing is mapped at address 0.
        expect((await failure(manager.open('/proc/self/mem'))).code).to.be.oneOf(['ERR_MAP_IO', 'EACCES'])
      })
    })
  })
}

describe('Paths', () => {
  it('are opened by nobody but who was given them: strace sees the file, and what the OS is asked of itself', function () {
    const program = `
      import { open } from '${new URL('../lib/index.ts', import.meta.url)}'
      const file = await open(process.argv[1])
      process._rawDebug('begin')
      for await (const window of file.windows({ size: 65536 })) window.bytes[0]
      using cursor = file.cursor()
      cursor.use(0)
      await file.read(0, 10)
      file.buffer().indexOf('no')
      await file.close()
      process._rawDebug('end')
    `.replaceAll('using cursor', 'const cursor')
    const path = tempFile('security-strace', bytesAt(1, 0, SIZE))
    const log = tempPath('security-strace.log')
    const args = ['-f', '-o', log, '-e', 'trace=open,openat,openat2,creat,write,unlink,rename,link,symlink']
    const node = [process.execPath, '--import=tsx', '--input-type=module', '-e', program, path]
    const { status, error, stderr } = spawnSync('strace', [...args, ...node], { cwd: root, encoding: 'utf8' })
    if (error || /ptrace|PTRACE/.test(stderr)) this.skip()
    expect(status, stderr).to.equal(0)
    const calls = readFileSync(log, 'utf8').split('\n')
    const begin = calls.findIndex(line => line.includes('"begin'))
    const end = calls.findIndex(line => line.includes('"end'))
    expect(begin, 'begin').to.be.above(0)
    expect(end, 'end').to.be.above(begin)
    const opened = calls.slice(begin + 1, end).flatMap(line => /open\w*\(.*?"([^"]*)"/.exec(line)?.[1] ?? [])
    expect(opened.filter(name => name !== path && !/^\/(proc|sys)\//.test(name))).to.deep.equal([])
    const ofFile = calls.filter(line => line.includes(`"${path}"`) && !line.includes('execve'))
    expect(ofFile).to.not.be.empty
    for (const line of ofFile) expect(line).to.match(/O_RDONLY\|.*O_CLOEXEC/)
  })
})
