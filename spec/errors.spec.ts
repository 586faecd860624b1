import { expect } from 'chai'
import { readFileSync, type PathLike, promises, readSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  ERRNO,
  ERROR_CODES,
  type ErrorCode,
  hasCode,
  invalidRange,
  invalidType,
  SlidemapError,
  systemError
} from '../lib/errors.js'
import { tempFile, tempPath } from './support/files.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** An error as a program sees it. */
function seen(error: unknown): Record<string, unknown> {
  const { name, message, code, errno, syscall, path } = error as NodeJS.ErrnoException
  return { name, message, code, errno, syscall, path }
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it did not reject'),
    error => error
  )
}

describe('SlidemapError', () => {
  it('is an Error with a code, and has the details it was given and no others', () => {
    const cause = new Error('under it')
    const full = new SlidemapError('ERR_MAP_IO', 'words', { path: '/a', offset: 0, length: 4096, cause })
    expect(full).to.be.an.instanceof(Error)
    expect(full).to.include({ name: 'SlidemapError', code: 'ERR_MAP_IO', message: 'words', path: '/a' })
    expect(full).to.include({ offset: 0, length: 4096, cause })
    expect(`${full}`).to.equal('SlidemapError: words')

    const bare = new SlidemapError('ERR_MAP_CLOSED', 'words')
    expect([bare.path, bare.offset, bare.length, 'cause' in bare]).to.deep.equal([
      undefined,
      undefined,
      undefined,
      false
    ])
  })

  it('has the codes of the README, with the words of the README', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    const table = [...readme.matchAll(/^\| `(ERR_MAP_\w+)` \| (.+?) \|$/gm)].map(([, code, words]) => [
      code,
      words
    ])
    expect(Object.fromEntries(table)).to.deep.equal(ERROR_CODES)
    expect(table).to.have.length(Object.keys(ERROR_CODES).length)
  })

  it('has codes that no error of Node has', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) expect(code).to.match(/^ERR_MAP_[A-Z_]+$/)
  })
})

describe('an error of the operating system', () => {
  const cases: [string, number, (path: PathLike) => Promise<unknown>, () => string][] = [
    ['ENOENT', 2, path => promises.open(path), () => tempPath('missing')],
    ['ENOTDIR', 20, path => promises.open(path), () => `${tempFile('plain')}/below`],
    ['EEXIST', 17, path => promises.open(path, 'wx'), () => tempFile('present')]
  ]
  for (const [code, errno, run, path] of cases) {
    it(`reads as Node's: ${code}`, async function () {
      if (process.platform === 'win32') return this.skip()
      const theirs = await rejection(run(path()))
      expect(theirs).to.have.property('code', code)
      expect(seen(systemError(errno, 'open', path()))).to.deep.equal(seen(theirs))
    })
  }

  it('has no path where none is known', () => {
    const ours = systemError(ERRNO.EBADF, 'read')
    let theirs: unknown
    try {
      readSync(2 ** 30, Buffer.alloc(1))
    } catch (error) {
      theirs = error
    }
    expect(seen(ours)).to.deep.equal(seen(theirs))
    expect('path' in ours).to.equal(false)
  })

  it('ends with the hint, in parentheses', () => {
    const { message } = systemError(ERRNO.ENOMEM, 'mmap', '/a', 'raise vm.max_map_count')
    expect(message).to.equal("ENOMEM: not enough memory, mmap '/a' (raise vm.max_map_count)")
  })

  it('keeps a number that Node has no name for', () => {
    expect(seen(systemError(9999, 'mmap'))).to.include({ code: 'E9999', errno: -9999, syscall: 'mmap' })
  })
})

describe('a wrong argument', () => {
  const wrongTypes: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a string', '5'],
    ['a boolean', true],
    ['a bigint', 5n]
  ]
  for (const [kind, value] of wrongTypes) {
    it(`of the wrong type reads as Node's: ${kind}`, () => {
      let theirs: unknown
      try {
        Buffer.alloc(value as number)
      } catch (error) {
        theirs = error
      }
      expect(seen(invalidType('size', 'of type number', value))).to.deep.equal(seen(theirs))
    })
  }

  it('of the wrong type is named in brief, however long it is', () => {
    expect(invalidType('path', 'of type string', { a: 'x'.repeat(1000) }).message).to.have.length.below(200)
  })

  for (const value of [-1, 1.5, Number.NaN, 10]) {
    it(`out of range reads as Node's: ${value}`, () => {
      const expected = Number.isInteger(value) ? '>= 0 and <= 4' : 'an integer'
      let theirs: unknown
      try {
        Buffer.alloc(5).readUInt8(value)
      } catch (error) {
        theirs = error
      }
      expect(seen(invalidRange('offset', expected, value))).to.deep.equal(seen(theirs))
    })
  }
})

describe('hasCode', () => {
  it('knows the code of our errors, of Node and of the operating system', () => {
    expect(hasCode(new SlidemapError('ERR_MAP_LIMIT', ''), 'ERR_MAP_LIMIT')).to.equal(true)
    expect(hasCode(systemError(ERRNO.ENOENT, 'open'), 'ENOENT')).to.equal(true)
    expect(hasCode(invalidRange('a', 'b', 1), 'ERR_OUT_OF_RANGE')).to.equal(true)
  })

  it('denies it of another code, of no code, and of what is no error', () => {
    expect(hasCode(systemError(2, 'open'), 'EACCES')).to.equal(false)
    expect(hasCode(new Error('ENOENT'), 'ENOENT')).to.equal(false)
    expect(hasCode({ code: 'ENOENT' }, 'ENOENT')).to.equal(false)
    expect(hasCode(undefined, 'ENOENT')).to.equal(false)
  })
})
