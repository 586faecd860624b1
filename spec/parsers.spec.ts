/** The examples that hand files over to real parsers, on data whose answer is known. */
import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'csv-parse'
import { parse as parseSync } from 'csv-parse/sync'
import fc from 'fast-check'
import { PackWalker } from '../examples/pack-walker.js'
import { MapManager } from '../lib/index.js'
import { run } from './support/child.js'
import { bytesAt, MiB, tempFile, tempPath } from './support/files.js'
import { realMappers } from './support/mappers.js'

/** The output of an example that must succeed, line by line. */
async function linesOf(script: string, ...operands: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(script, operands)
  expect(stderr).to.equal('')
  expect(code).to.equal(0)
  return stdout.split('\n').slice(0, -1)
}

describe('the examples with parsers', () => {
  it('say how they are used', async () => {
    const bare = await run('examples/tar.ts')
    expect(bare.stderr).to.equal('usage: npx tsx examples/tar.ts FILE\n')
    expect(bare.code).to.equal(2)
  })

  it('say what is wrong with a file that is not there', async () => {
    const { code, stderr } = await run('examples/tar.ts', [tempPath('missing.tar')])
    expect(stderr).to.match(/^Error: ENOENT: no such file or directory, open '.*missing\.tar'\n$/)
    expect(code).to.equal(1)
  })
})

describe('examples/csv.ts', () => {
  it('knows every column of a file whose quoted cells cross chunks and windows', async () => {
    const rows = 100_000
    const text = ['id,name,amount,note']
    let sum = 0
    for (let i = 1; i <= rows; i++) {
      sum += i % 1000
      // Longer than a chunk, and one of them lies across the end of the first window, at 4 MiB.
      const note = i % 10_000 === 0 ? `"${'a ""quoted"", long\r\nnote '.repeat(20_000)}"` : ''
      text.push(`${i},"Ünïcode, quoted\nname ${i}",${i % 1000},${note}`)
    }
    const path = tempFile('parsers/sales.csv', `\ufeff${text.join('\r\n')}\r\n`)
    expect(await linesOf('examples/csv.ts', path)).to.deep.equal([
      `rows ${rows}`,
      `id: ${rows} filled, longest 6, sum ${(rows * (rows + 1)) / 2}`,
      `name: ${rows} filled, longest ${`Ünïcode, quoted\nname ${rows}`.length}`,
      `amount: ${rows} filled, longest 3, sum ${sum}`,
      `note: ${rows / 10_000} filled, longest ${'a "quoted", long\r\nnote '.length * 20_000}`
    ])
  })

  for (const mapper of realMappers) {
    it(`gets the rows that a parse of the whole text gives, whatever the sizes of windows and chunks: ${mapper}`, async () => {
      const cell = fc.string({
        unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', 'ü', '😀', ' '),
        maxLength: 40
      })
      const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { minLength: 1, maxLength: 300 })
      const size = fc.integer({ min: 1, max: 9000 })
      await using manager = new MapManager({ mapper, windowSize: 4096 })
      await fc.assert(
        fc.asyncProperty(table, size, size, async (rows, windowSize, chunkSize) => {
          const quoted = rows.map(cells => cells.map(text => `"${text.replaceAll('"', '""')}"`).join(','))
          const path = tempFile('parsers/property.csv', quoted.join('\n'))
          await using file = await manager.open(path)
          const parser = file.stream({ size: windowSize, chunkSize }).pipe(parse())
          expect(await parser.toArray()).to.deep.equal(parseSync(readFileSync(path)))
        }),
        { numRuns: 50 }
      )
    })
  }
})

describe('examples/ndjson.ts', () => {
  it('counts the values of a file of several windows, whatever ends its lines', async () => {
    const values = Array.from({ length: 60_000 }, (_, i) => ({
      kind: ['a\nb', 'ünï 😀', 3, null][i % 4],
      text: 'x'.repeat(i % 700)
    }))
    const text = values.map((value, i) => `${JSON.stringify(value)}${i % 3 ? '\n' : '\r\n'}`).join('')
    // More than one window of the default size; the last line has no end.
    expect(text.length).to.be.above(20 * MiB)
    const path = tempFile('parsers/values.ndjson', `${text}\n[]`)
    expect(await linesOf('examples/ndjson.ts', path, 'kind')).to.deep.equal([
      'values 60001',
      '  "a\\nb" 15000',
      '  "ünï 😀" 15000',
      '  3 15000',
      '  null 15000',
      '  none 1'
    ])
  })

  it('fails where a line is no JSON', async () => {
    const { code, stderr } = await run('examples/ndjson.ts', [
      tempFile('parsers/no.ndjson', '{}\n{\n'),
      'kind'
    ])
    expect(stderr).to.match(/^SyntaxError: /)
    expect(code).to.equal(1)
  })
})

describe('examples/json-array.ts', () => {
  it('counts the elements of an array that is longer than a window', async () => {
    const elements = Array.from({ length: 40_000 }, (_, i) => ({
      id: i,
      kind: ['a "quote"', 'ünï', null, { nested: [1, 2] }][i % 4],
      text: `${'x'.repeat(i % 200)}\\ \u2028 😀`,
      ...(i % 4 === 3 && { deep: [[[{ kind: 'not this one' }]]] })
    }))
    const text = JSON.stringify(elements, undefined, 1)
    expect(text.length).to.be.above(5 * MiB)
    const path = tempFile('parsers/array.json', text)
    const lines = await linesOf('examples/json-array.ts', path, 'kind')
    expect(lines).to.deep.equal([
      'elements 40000',
      '  "a \\"quote\\"" 10000',
      '  "ünï" 10000',
      '  null 10000',
      '  {"nested":[1,2]} 10000'
    ])
  })

  it('fails where the array is cut short', async () => {
    const path = tempFile('parsers/cut.json', '[{"kind": 1}, {"kind": ')
    const { code, stderr } = await run('examples/json-array.ts', [path, 'kind'])
    expect(stderr).to.match(/^Error: /)
    expect(code).to.equal(1)
  })
})

describe('examples/tar.ts', () => {
  const long = `${'a folder with a long name/'.repeat(12)}file`
  const contents = new Map<string, Buffer>([
    ['empty', Buffer.alloc(0)],
    ['ünïcode 😀', Buffer.from('text')],
    ['a block', bytesAt(1, 0, 512)],
    [long, bytesAt(2, 0, 513)],
    // Two of the windows that a stream copies out of.
    ['big', bytesAt(3, 0, 9 * MiB + 1)]
  ])
  const folder = tempPath('parsers/tar')

  function archive(name: string, ...options: string[]): string {
    const path = tempPath(`parsers/${name}`)
    execFileSync('tar', ['-cf', path, ...options, '-C', folder, '.'])
    return path
  }

  before(() => {
    for (const [name, bytes] of contents) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), bytes)
    }
    symlinkSync('big', join(folder, 'link'))
  })

  for (const format of ['pax', 'gnu']) {
    it(`lists what the tar program wrote, and hashes it right: ${format}`, async () => {
      const lines = await linesOf('examples/tar.ts', archive(`${format}.tar`, `--format=${format}`))
      const files = [...contents].map(([name, bytes]) => {
        const digest = createHash('sha256').update(bytes).digest('hex')
        return `${digest} ${bytes.length} ./${name}`
      })
      expect(lines.filter(line => !line.startsWith('directory '))).to.have.members([
        ...files,
        'symlink ./link'
      ])
      // The folder itself, and the twelve with long names.
      expect(lines.filter(line => line.startsWith('directory '))).to.have.length(13)
    })
  }

  it('fails where the archive is cut short', async () => {
    const path = archive('cut.tar')
    truncateSync(path, MiB + 5)
    const { code, stderr } = await run('examples/tar.ts', [path])
    expect(stderr).to.match(/^Error: .*end of data/)
    expect(code).to.equal(1)
  })
})

describe('examples/pack-walker.ts', () => {
  const repository = tempPath('parsers/repository')

  function git(...args: string[]): string {
    return execFileSync('git', args, {
      cwd: repository,
      encoding: 'latin1',
      maxBuffer: 64 * MiB,
      // Neither this machine's settings nor its user's: the same repository everywhere.
      env: {
        ...{
          PATH: process.env.PATH,
          GIT_CONFIG_NOSYSTEM: '1',
          GIT_CONFIG_GLOBAL: '/dev/null',
          HOME: repository
        },
        ...{ GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a', GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z' },
        ...{ GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a', GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z' }
      }
    })
  }

  /** Pack everything anew. @returns the path of the one pack */
  function repack(...settings: string[]): string {
    git(...settings.flatMap(setting => ['-c', setting]), 'repack', '-adfq', '--depth=20')
    const packs = join(repository, '.git/objects/pack')
    return join(packs, readdirSync(packs).find(name => name.endsWith('.pack')) ?? '')
  }

  /** What git says of the objects of a pack. */
  function verified(pack: string): string[] {
    return git('verify-pack', '-v', pack)
      .split('\n')
      .filter(line => /^[0-9a-f]{40} /.test(line))
  }

  before(() => {
    mkdirSync(repository, { recursive: true })
    git('init', '-q')
    const text = Array.from({ length: 2000 }, (_, i) => `line ${i} of a file that changes a little\n`)
    writeFileSync(join(repository, 'empty'), '')
    writeFileSync(join(repository, 'noise'), bytesAt(4, 0, 3 * MiB))
    for (let i = 0; i < 40; i++) {
      text[i * 50] = `changed in ${i}\n`
      text.splice(i, 1)
      writeFileSync(join(repository, 'text'), text.join(''))
      writeFileSync(join(repository, 'noisy'), Buffer.concat([bytesAt(5, i, 300_000), bytesAt(6, 0, i)]))
      git('add', '.')
      git('commit', '-qm', `commit ${i}`)
    }
    git('tag', '-am', 'an annotated one', 'tag')
  })

  it('prints what git verify-pack prints', async () => {
    const pack = repack()
    const lines = verified(pack)
    expect(lines.length).to.be.above(160)
    expect(lines.filter(line => line.split(' ').length > 6)).to.have.length.above(50)
    expect(await linesOf('examples/pack-walker.ts', pack)).to.deep.equal(lines)
  })

  for (const mapper of realMappers) {
    for (const setting of ['repack.useDeltaBaseOffset=true', 'repack.useDeltaBaseOffset=false']) {
      it(`finds the same objects through small windows, with few of them kept: ${mapper}, ${setting}`, async () => {
        const pack = repack(setting)
        const lines = verified(pack)
        await using manager = new MapManager({ mapper, windowSize: 65536, maxMappedBytes: 8 * MiB })
        for (const [windowSize, cacheBytes] of [
          [4096, 0],
          [65536, 200_000]
        ] as const) {
          await using file = await manager.open(pack)
          const objects = await new PackWalker(file, windowSize, cacheBytes).walk()
          expect(objects.map(({ id, offset }) => `${id} ${offset}`)).to.deep.equal(
            lines.map(line => line.split(/ +/)).map(fields => `${fields[0]} ${fields[4]}`)
          )
        }
      })
    }
  }

  it('refuses what is no pack, and one that was changed', async () => {
    const text = await run('examples/pack-walker.ts', [
      tempFile('parsers/no.pack', 'text that is no pack at all')
    ])
    expect(text.stderr).to.equal('Error: the checksum of the pack is wrong\n')
    const bytes = readFileSync(repack())
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    const changed = await run('examples/pack-walker.ts', [tempFile('parsers/changed.pack', bytes)])
    expect(changed.stderr).to.equal('Error: the checksum of the pack is wrong\n')
    expect(changed.code).to.equal(1)
  })
})
