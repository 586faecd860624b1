import { expect } from 'chai'
import { ERRNO, SlidemapError, systemError } from '../../lib/errors.js'
import { withPath } from '../../lib/manager/told.js'

describe('What a job fails with', () => {
  it('is told with the path of its file, and what to do about it', () => {
    const cause = new Error('cause')
    const bare = Object.assign(systemError(ERRNO.ENOMEM, 'mmap'), { cause })
    const told = withPath(bare, '/a') as Error
    expect(told).to.include({ code: 'ENOMEM', syscall: 'mmap', path: '/a', errno: bare.errno, cause })
    expect(told.message).to.match(/^ENOMEM: .*, mmap '\/a' \(.*vm\.max_map_count/)
  })

  it('is told what to do about it also where Node named the path', () => {
    const told = withPath(systemError(ERRNO.EMFILE, 'open', '/b'), '/a') as Error
    expect(told).to.include({ code: 'EMFILE', path: '/b' })
    expect(told.message).to.match(/open '\/b' \(raise `ulimit -n`/)
    expect(withPath(told, '/a')).to.equal(told)
  })

  it('keeps its code, its place and its cause where it is ours', () => {
    const cause = new Error('cause')
    const bare = new SlidemapError('ERR_MAP_IO', 'words', { offset: 7, cause })
    const told = withPath(bare, '/a') as SlidemapError
    expect(told).to.include({ code: 'ERR_MAP_IO', path: '/a', offset: 7, cause })
    expect(told.message).to.equal("reading '/a' failed at offset 7")
    const other = withPath(new SlidemapError('ERR_MAP_LIMIT', 'words', { length: 8 }), '/a')
    expect(other).to.include({ code: 'ERR_MAP_LIMIT', message: 'words', path: '/a', length: 8 })
  })

  it('stays what it is where it has a path, there is none, or it is nobody’s', () => {
    const named = systemError(ERRNO.EIO, 'read', '/b')
    expect(withPath(named, '/a')).to.equal(named)
    const bare = systemError(ERRNO.EIO, 'read')
    expect(withPath(bare, undefined)).to.equal(bare)
    for (const other of [new Error('other'), 'text', undefined, Object.assign(new Error(), { errno: 5 })])
      expect(withPath(other, '/a')).to.equal(other)
  })
})
