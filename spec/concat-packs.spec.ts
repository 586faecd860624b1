import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildRepository } from '../examples/concat-packs.js'
import { run } from './support/child.js'
import { tempFile, tempPath } from './support/files.js'

function git(repository: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: repository, encoding: 'utf8' })
}

describe('examples/concat-packs.ts', function () {
  this.timeout(120_000)
  const repository = tempPath('packs')
  const folder = join(repository, '.git/objects/pack')
  let packs: string[]

  before(() => {
    mkdirSync(repository)
    buildRepository(repository, 22)
    packs = readdirSync(folder)
      .filter(name => name.endsWith('.pack'))
      .sort()
  })

  it('counts the objects of at least 20 packs as git verify-pack and git count-objects do', async () => {
    const { code, stdout, stderr } = await run('examples/concat-packs.ts', [repository])
    expect(stderr).to.equal('')
    expect(code).to.equal(0)
    expect(packs).to.have.length(22)
    let objects = 0
    const lines = packs.map(name => {
      const verified = git(repository, 'verify-pack', '-v', join(folder, name))
      const count = [...verified.matchAll(/^[0-9a-f]{40} /gm)].length
      objects += count
      return `${name}  ${count} objects  ${readFileSync(join(folder, name)).length} bytes  whole`
    })
    const counted = git(repository, 'count-objects', '-v')
    expect(counted)
      .to.match(/^packs: 22$/m)
      .and.to.match(new RegExp(`^in-pack: ${objects}$`, 'm'))
    expect(stdout.split('\n')).to.deep.equal([
      ...lines,
      `slidemap          22 packs, ${objects} objects, 0 broken`,
      `git count-objects 22 packs, ${objects} objects`,
      `git verify-pack   ${objects} objects`,
      ''
    ])
  })

  it('finds the pack of which a byte was changed', async () => {
    const broken = join(folder, packs[7] as string)
    const bytes = readFileSync(broken)
    bytes[100] = (bytes[100] as number) ^ 1
    chmodSync(broken, 0o644)
    writeFileSync(broken, bytes)
    const { code, stdout } = await run('examples/concat-packs.ts', [repository])
    expect(code).to.equal(1)
    const found = stdout.split('\n').filter(line => line.endsWith('BROKEN'))
    expect(found.map(line => line.split(' ')[0])).to.deep.equal([packs[7]])
    expect(stdout).to.include(', 1 broken\n')
  })

  it('says what is no pack, and what is no repository', async () => {
    tempFile(`packs/.git/objects/pack/pack-${'0'.repeat(40)}.pack`, 'no pack at all')
    const none = await run('examples/concat-packs.ts', [repository])
    expect(none.stderr).to.match(/^Error: .*pack-0{40}\.pack is no pack\n$/)
    expect(none.code).to.equal(1)
    const missing = await run('examples/concat-packs.ts', [tempPath('no repository')])
    expect(missing.stderr).to.match(/ENOENT/)
    expect(missing.code).to.equal(1)
  })
})
