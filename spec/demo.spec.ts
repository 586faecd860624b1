import { expect } from 'chai'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { parseBytes } from '../examples/demo/words.js'
import { run, start } from './support/child.js'
import { tempFile, tempPath } from './support/files.js'

const script = 'examples/demo.ts'

/** A temporary folder for the demo alone, and what the demo has in it; tsx keeps its cache there too. */
function ownFolder(name: string) {
  const path = tempPath(name)
  mkdirSync(path)
  return {
    env: { TMPDIR: path, TEMP: path, TMP: path },
    contents: () => readdirSync(path).filter(name => name.startsWith('slidemap-'))
  }
}

/** The cells of the table's row of that name. */
function row(output: string, name: string): string[] {
  const line = output.split('\n').find(line => line.startsWith(name)) ?? ''
  return line.trim().split(/ {2,}/)
}

function bytes(cell: string | undefined): number {
  return cell === '0 B' ? 0 : parseBytes(cell ?? '')
}

describe('npm run demo', () => {
  it('counts the same lines twice, stays under its limit, and removes its log', async () => {
    const folder = ownFolder('demo')
    const { code, stdout, stderr } = await run(script, ['--size', '80MiB'], folder)
    expect(stdout).to.match(/demo\.log: 80\.0 MiB, limit 64\.0 MiB\n/)
    expect(stdout).to.match(/\nThe counts agree; slidemap was \d+\.\d times as fast\.\n$/)
    const [, lines, time, rate, mapped, handles, growth] = row(stdout, 'slidemap')
    expect(row(stdout, 'fs.createReadStream')[1]).to.equal(lines)
    expect(Number(lines?.replaceAll(',', ''))).to.be.within((80 * 2 ** 20) / 200, (80 * 2 ** 20) / 100)
    expect(`${time} ${rate}`).to.match(/^\d+\.\d\d s \d+\.\d\d GB\/s$/)
    expect(bytes(mapped)).to.be.within(1, 64 * 2 ** 20)
    expect(handles).to.equal('1')
    expect(growth).to.match(/^\d+(\.\d+)? [KMG]?i?B$/)
    for (const what of ['making the log', 'slidemap', 'fs.createReadStream']) {
      expect(stderr).to.match(new RegExp(`^${what} +0 %  of 80\\.0 MiB\n(.*\n)*${what} +100 %`, 'm'))
    }
    expect(code).to.equal(0)
    expect(folder.contents()).to.deep.equal([])
  })

  it("walks a file of the user's own, and leaves it alone", async () => {
    const folder = ownFolder('demo own')
    const path = tempFile('own.log', 'one\ntwo\nthree')
    const { code, stdout } = await run(script, [path], folder)
    expect(row(stdout, 'slidemap')[1]).to.equal('2')
    expect(row(stdout, 'fs.createReadStream')[1]).to.equal('2')
    expect(code).to.equal(0)
    expect(readFileSync(path, 'utf8')).to.equal('one\ntwo\nthree')
    expect(folder.contents()).to.deep.equal([])
  })

  it('walks an empty file too', async () => {
    const { code, stdout } = await run(script, [tempFile('empty.log')])
    expect(row(stdout, 'slidemap')[1]).to.equal('0')
    expect(stdout).to.not.match(/NaN|Infinity/)
    expect(code).to.equal(0)
  })

  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143]
  ] as const) {
    for (const stage of ['making the log', 'slidemap']) {
      it(`removes its log when it gets ${signal} during "${stage}"`, async function () {
        if (process.platform === 'win32') return this.skip()
        const folder = ownFolder(`demo ${signal} ${stage}`)
        const { child, ended, says } = start(script, ['--size', '512MiB'], folder)
        await says(stage)
        const during = folder.contents()
        child.kill(signal)
        const { code, stdout, stderr } = await ended
        expect(stderr).to.match(/demo: interrupted\n$/)
        expect(stdout).to.equal('')
        expect(code).to.equal(exitCode)
        expect(during).to.have.length(1)
        expect(folder.contents()).to.deep.equal([])
      })
    }
  }

  const refusals: [string, string[], RegExp][] = [
    ['a size that is none', ['--size', 'big'], /^demo: "big" is no size: .* such as 256MiB\n$/],
    ['a size of nothing', ['--size', '0MiB'], /^demo: "0MiB" is no size/],
    [
      'a missing file',
      [tempPath('missing.log')],
      /^demo: ENOENT: no such file or directory, .*missing\.log'\n$/
    ],
    ['a folder', [tempPath('')], /^demo: .* is not a file\n$/],
    [
      'more than the disk holds',
      ['--size', '4096TiB'],
      /demo: no room in .* for a log of 4\.00 PiB: .* are free\n$/
    ],
    ['a size of a file that is there', ['--size', '1MiB', 'a.log'], /^demo: --size is for a log of our own/],
    ['two files', ['a.log', 'b.log'], /^demo: one FILE at most\n$/],
    ['an option that it does not know', ['--sise', '1MiB'], /^demo: Unknown option '--sise'/]
  ]
  for (const [what, args, message] of refusals) {
    it(`refuses ${what}, says why in words, and leaves nothing`, async () => {
      const folder = ownFolder(`demo without ${what}`)
      const { code, stdout, stderr } = await run(script, args, folder)
      expect(stderr).to.match(message)
      expect(stderr).to.not.match(/\n {4}at /)
      expect(stdout).to.equal('')
      expect(code).to.equal(1)
      expect(folder.contents()).to.deep.equal([])
    })
  }

  it('explains itself', async () => {
    const { code, stdout } = await run(script, ['--help'])
    expect(stdout).to.match(/^usage: npm run demo/)
    expect(code).to.equal(0)
  })
})
