import { expect } from 'chai'
import { hasCode } from '../../lib/errors.js'
import type { Mapping } from '../../lib/mapping/mapper.js'
import { failure } from './failure.js'
import { FakeMapper, settled } from './fake-mapper.js'

describe('the fake mapper', () => {
  let mapper: FakeMapper
  beforeEach(() => {
    mapper = new FakeMapper()
  })

  async function map(path: string, offset: number, length: number): Promise<Mapping> {
    const { mapping } = await mapper.run({ target: mapper.disk.open(path), offset, length })
    if (!mapping) throw new Error('not mapped')
    return mapping
  }

  it('holds what a job takes from the beginning of the job to its end', async () => {
    mapper.disk.add('/a', 'content')
    mapper.hold()
    const job = mapper.run({ target: '/a', length: 7 })
    expect(mapper.held).to.deep.equal(['map /a 0+7'])
    expect(mapper.leftovers).to.deep.equal(['mapping of /a 0+7', 'descriptor of /a', '1 jobs under way'])
    expect(mapper.mappedBytes).to.equal(16)
    mapper.letGo()
    const { fd, mapping } = await job
    expect(Buffer.from(mapping?.buffer ?? new ArrayBuffer(0)).toString()).to.equal('content')
    mapping?.unmap()
    expect(mapping?.buffer.byteLength).to.equal(0)
    await mapper.close(fd)
    expect(mapper.log).to.deep.equal(['open /a', 'map /a 0+7', 'unmap /a 0+7', 'close /a'])
    expect(mapper.leftovers).to.deep.equal([])
  })

  it('says of a file what is true when the job ends', async () => {
    const file = mapper.disk.add('/a', 'content')
    mapper.hold()
    const job = mapper.run({ target: '/a', length: 7 })
    file.resize(6)
    mapper.letGo()
    const { info, mapping } = await job
    expect([info.size, mapping]).to.deep.equal([6, undefined])
    expect(mapper.leftovers).to.deep.equal(['descriptor of /a'])
  })

  it('undoes a job that fails or is aborted, and tells nothing of an abort that comes too late', async () => {
    mapper.disk.add('/a', 'content')
    mapper.hold()
    const stop = new AbortController()
    const [failed, aborted, ended] = [1, 2, 3].map(length =>
      mapper.run({ target: '/a', length }, stop.signal)
    )
    mapper.fail(new Error('failed'))
    expect(await failure(failed)).to.have.property('message', 'failed')
    expect(mapper.held).to.deep.equal(['map /a 0+2', 'map /a 0+3'])
    mapper.letGo()
    stop.abort(new Error('aborted'))
    expect((await aborted)?.mapping?.unmap()).to.equal(-1)
    expect(await failure(ended)).to.have.property('message', 'aborted')
    expect(mapper.leftovers).to.deep.equal(['descriptor of /a'])
  })

  it('lets aborted jobs go on until they are let go, if asked to', async () => {
    const late = new FakeMapper({ abortsLate: true }).hold()
    late.disk.add('/a', 'content')
    const stop = new AbortController()
    const job = failure(late.run({ target: '/a', length: 1 }, stop.signal))
    stop.abort(new Error('aborted'))
    await settled()
    expect(late.jobs).to.equal(1)
    late.letGo()
    expect(await job).to.have.property('message', 'aborted')
    expect(late.leftovers).to.deep.equal([])
  })

  it('fails as the OS does', async () => {
    mapper.disk.add('/net', 'content', { mappable: false })
    mapper.disk.add('/folder', '', { kind: 'directory' })
    expect(await failure(mapper.run({ target: '/none' }))).to.include({ code: 'ENOENT', path: '/none' })
    expect(await failure(mapper.run({ target: '/net', length: 1 }))).to.include({ code: 'ENODEV' })
    expect(await failure(mapper.run({ target: '/folder', length: 1 }))).to.include({ code: 'EISDIR' })
    expect(await failure(mapper.run({ target: 7 }))).to.include({ code: 'EBADF' })
    expect(mapper.leftovers).to.deep.equal([])
  })

  it('loses what lies past the end of a file that is cut short, page by page', async () => {
    const file = mapper.disk.add('/a', Buffer.alloc(64, 1))
    const [first, second] = [await map('/a', 0, 32), await map('/a', 32, 32)]
    file.resize(40)
    expect([first.fault(), second.fault()]).to.deep.equal([-1, 16])
    const bytes = Buffer.from(second.buffer)
    expect([bytes.indexOf(0), bytes.lastIndexOf(1)]).to.deep.equal([8, 7])
    file.lose(35)
    expect([first.unmap(), second.unmap()]).to.deep.equal([-1, 3])
  })

  it('tells of what nobody may do', async () => {
    mapper.disk.add('/a', 'content')
    const { fd } = await mapper.run({ target: '/a' })
    mapper.hold()
    const job = mapper.run({ target: fd })
    mapper.closeSync(fd)
    mapper.resume()
    await job
    expect(hasCode(await failure(mapper.run({ target: fd })), 'EBADF')).to.equal(true)
    const lent = mapper.disk.open('/a')
    mapper.closeSync(lent)
    expect(mapper.misuses).to.deep.equal([
      'closing /a under a running job',
      `using descriptor ${fd} after it was closed`,
      'closing /a, which it has not open'
    ])
  })
})
