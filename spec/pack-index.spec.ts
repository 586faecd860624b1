import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { makePack } from '../examples/pack-index.js'
import { run } from './support/child.js'
import { tempFile, tempPath } from './support/files.js'

describe('examples/pack-index.ts', () => {
  before(function () {
    if (spawnSync('git', ['--version']).status !== 0) this.skip()
  })

  it('finds every object where git does, and reads what git reads, deltas and their bases included', async () => {
    const { code, stdout, stderr } = await run('examples/pack-index.ts')
    expect(stderr).to.equal('')
    expect(stdout).to.match(
      /^objects {3}\d{3}\nbytes {5}\d+\ndeltas {4}\d+\noffsets {3}as git verify-pack says\ncontents {2}as git cat-file says\n$/
    )
    const counted = (name: string) => Number(new RegExp(`${name} +(\\d+)`).exec(stdout)?.[1])
    expect(counted('objects')).to.be.above(350)
    expect(counted('bytes')).to.be.above(5_000_000)
    expect(counted('deltas')).to.be.above(100)
    expect(code).to.equal(0)
  })

  it('takes the index of any pack, and deltas that name their base by its id', async () => {
    const folder = tempPath('repository')
    mkdirSync(folder)
    const path = await makePack(folder, 5, ['-c', 'repack.useDeltaBaseOffset=false'])
    const { code, stdout, stderr } = await run('examples/pack-index.ts', [path])
    expect(stderr).to.equal('')
    expect(stdout).to.match(/^objects +\d\d\nbytes +\d+\ndeltas +[1-9]/)
    expect(code).to.equal(0)
  })

  it('says what is wrong with what is no index, and how it is used', async () => {
    const path = tempFile('no.idx', 'not an index at all')
    writeFileSync(tempPath('no.pack'), 'not a pack')
    const wrong = await run('examples/pack-index.ts', [path])
    expect(wrong.stderr).to.equal('Error: not a packfile\n')
    expect(wrong.code).to.equal(1)
    const help = await run('examples/pack-index.ts', ['--help'])
    expect(help.stdout).to.match(/^usage: /)
    expect(help.code).to.equal(0)
    const bare = await run('examples/pack-index.ts', ['one', 'two'])
    expect(bare.stderr).to.match(/^usage: /)
    expect(bare.code).to.equal(2)
  })
})
