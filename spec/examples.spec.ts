import { expect } from 'chai'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './support/child.js'
import { tempFile, tempPath } from './support/files.js'

describe('the examples', function () {
  this.timeout(120_000)
  const names = readdirSync(join(root, 'examples')).filter(name => name.endsWith('.ts'))

  it('explain themselves with --help', async () => {
    expect(names).to.have.length.above(5)
    const helps = await Promise.all(names.map(name => run(`examples/${name}`, ['--help'])))
    for (const [i, { code, stdout, stderr }] of helps.entries()) {
      const name = names[i] ?? ''
      expect(stdout, name).to.include(
        name === 'demo.ts' ? 'usage: npm run demo ' : `usage: npx tsx examples/${name} `
      )
      expect(stderr, name).to.equal('')
      expect(code, name).to.equal(0)
    }
  })

  it('say how they are used to those who use them wrongly', async () => {
    const wrong = await run('examples/concat-packs.ts', ['--no-such-option'])
    expect(wrong.stdout).to.equal('')
    expect(wrong.stderr).to.match(/^usage: /)
    expect(wrong.code).to.equal(2)
  })

  it('are listed in docs/examples.md, all of them', () => {
    const text = readFileSync(join(root, 'docs/examples.md'), 'utf8')
    const listed = [...text.matchAll(/^\| `([\w-]+\.ts)` \|/gm)].map(([, name]) => name)
    expect(listed.sort()).to.deep.equal(names.sort())
  })
})

describe('examples/windows.ts', () => {
  it('counts lines and bytes of a file of several windows', async () => {
    // 16 bytes a line: 40 MiB and 16 bytes are three windows of the default size.
    const lines = (40 * 2 ** 20) / 16
    const path = tempFile('lines.txt', `${'aaaaaaaabbbbccd\n'.repeat(lines)}aaaaaaaabbbbccd\n`)
    const { code, stdout, stderr } = await run('examples/windows.ts', [path])
    expect(stderr).to.equal('')
    expect(stdout.split('\n')).to.deep.equal([
      `bytes     ${16 * (lines + 1)}`,
      `lines     ${lines + 1}`,
      'windows   3',
      'values    5',
      `  "a" ${8 * (lines + 1)}`,
      `  "b" ${4 * (lines + 1)}`,
      `  "c" ${2 * (lines + 1)}`,
      `  "\\n" ${lines + 1}`,
      `  "d" ${lines + 1}`,
      ''
    ])
    expect(code).to.equal(0)
  })

  it('says what is wrong with a file that is not there, and how it is used', async () => {
    const missing = await run('examples/windows.ts', [tempPath('missing')])
    expect(missing.stderr).to.match(/^Error: ENOENT: no such file or directory, open '.*missing'\n$/)
    expect(missing.code).to.equal(1)
    const bare = await run('examples/windows.ts')
    expect(bare.stderr).to.match(/^usage: /)
    expect(bare.code).to.equal(2)
  })
})

describe('examples/pipe-to-parser.ts', () => {
  const rows = 100_000

  it('sums a column, quoted line ends and cells across chunks included', async () => {
    const lines = ['id,name,amount']
    for (let i = 1; i <= rows; i++) lines.push(`${i},"Ünïcode, quoted\nname ${i}",${i % 1000}`)
    const path = tempFile('sales.csv', `${lines.join('\n')}\n`)
    const { code, stdout, stderr } = await run('examples/pipe-to-parser.ts', [path, 'amount'])
    expect(stderr).to.equal('')
    expect(stdout).to.equal(`rows ${rows}\nsum  ${(rows / 1000) * 499_500}\n`)
    expect(code).to.equal(0)
  })

  it('fails by what the parser, or the reader of its rows, throws', async () => {
    const broken = tempFile('broken.csv', `id,amount\n${'1,2\n'.repeat(rows)}1,2,3\n`)
    const parsed = await run('examples/pipe-to-parser.ts', [broken, 'amount'])
    expect(parsed.stderr).to.match(/Invalid Record Length/)
    expect(parsed.code).to.equal(1)
    const read = await run('examples/pipe-to-parser.ts', [broken, 'price'])
    expect(read.stderr).to.equal('Error: there is no column price\n')
    expect(read.code).to.equal(1)
  })
})
