import { expect } from 'chai'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, root, start } from '../support/child.js'
import { tempFile, tempPath } from '../support/files.js'

/** A folder of parts; each is the body of its `run(proof)`. */
function partsOf(name: string, bodies: Record<string, string>): string {
  const folder = tempPath(`parts-${name}`)
  mkdirSync(folder)
  for (const [part, body] of Object.entries(bodies)) {
    writeFileSync(
      join(folder, `${part}.ts`),
      `export const part = { name: '${part}', title: 'The part ${part}',
         async run({ scale, seed, progress, signal }) { ${body} } }`
    )
  }
  return folder
}

const holds = `return [{ claim: 'Two is even.', tried: 1234 * scale, unit: 'tries', result: 'seed ' + seed, passed: true }]`
const fails = `return [{ claim: 'Two is odd.', tried: 7, unit: 'tries', result: 'a | b', passed: false }]`

const prove = (...args: string[]) => run('prove/run.ts', args)

describe('npm run prove', () => {
  it('is a script of the package, and lists its parts', async () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(scripts.prove).to.match(/prove\/run\.ts$/)
    const { code, stdout } = await prove('--list')
    expect(code).to.equal(0)
    expect(stdout).to.match(/^misuse +\S/m)
  })

  it('prints each claim with its tries, its seed and what was seen; writes nothing, and ends with 0', async () => {
    const page = tempFile('left.md', 'as it was')
    const parts = partsOf('holding', {
      alpha: fails,
      one: holds,
      two: `return [{ claim: 'It holds.', tried: 0, unit: 'tries', result: 'no such device', passed: true }]`
    })
    const args = ['--parts', parts, '--page', page, '--only', '^(one|two)', '--scale', '2', '--seed', '42']
    const { code, stdout, stderr } = await prove(...args)
    expect(stderr).to.match(/^one \.\.\.\none: holds, \d+ s\ntwo \.\.\.\n/)
    expect(stdout).to.match(/^seed 42, scale 2\n.*Node v\d/)
    expect(stdout).to.match(/one: The part one\n {2}ok +2,468 tries {2}Two is even\.\n +seed 42\n/)
    expect(stdout).to.match(/not tried +0 tries {2}It holds/)
    expect(stdout).to.match(/\n1 claims hold, 0 failed, 1 not tried; seed 42, scale 2, \d+ s\n$/)
    expect(stdout).to.not.include('alpha')
    expect(code).to.equal(0)
    expect(readFileSync(page, 'utf8')).to.equal('as it was')
  })

  it('makes a failed row of a part that throws, crashes or claims nothing, and tries the others', async () => {
    const parts = partsOf('broken', {
      crashes: `console.log('I leave'); process.kill(process.pid, 'SIGSEGV'); for (;;);`,
      empty: 'return []',
      throws: `throw new TypeError('no luck')`
    })
    const { code, stdout } = await prove('--parts', parts)
    expect(stdout.match(/(?<=to its end\.\n +)\S.*/g)).to.deep.equal([
      'it ended with SIGSEGV',
      'it came back without a row',
      'TypeError: no luck'
    ])
    expect(stdout).to.include('I leave')
    expect(stdout).to.match(/\n0 claims hold, 3 failed/)
    expect(code).to.equal(1)
  })

  it('fills its tables into the page, machine and seed with them, and ends with 1 for what does not hold', async () => {
    const parts = partsOf('written', { one: fails, two: holds })
    const page = tempFile('page.md', 'before\n<!-- prove -->\nstale\n<!-- /prove -->\nafter\n')
    const { code, stdout } = await prove('--parts', parts, '--page', page, '--write', '--seed', '3')
    expect(stdout).to.match(/FAILED +7 tries {2}Two is odd/)
    expect(code).to.equal(1)
    const text = readFileSync(page, 'utf8')
    expect(text).to.match(
      /^before\n<!-- prove -->\n\d{4}-\d\d-\d\d: 1 claims hold, 1 failed; seed 3, scale 1/
    )
    expect(text).to.include('| Two is even. | 1,234 tries | seed 3 | ok |')
    expect(text).to.include('| Two is odd. | 7 tries | a \\| b | FAILED |')
    expect(text).to.match(/cores, \d+ GiB of memory, .*Node v/)
    expect(text).to.match(/<!-- \/prove -->\nafter\n$/)
    expect(text).to.not.include('stale')
  })

  it('refuses what cannot be meant, with its usage', async () => {
    const wrong = [['--scale', '0'], ['--only', '('], ['--only', 'x', '--write'], ['--bogus']]
    for (const { code, stderr } of await Promise.all(wrong.map(args => prove(...args)))) {
      expect(code).to.equal(2)
      expect(stderr).to.match(
        /^(--scale must|Invalid regular|--write is for|Unknown option).*\n\nnpm run prove/
      )
    }
  })

  it('lets a part clean up when it is interrupted, and ends with 130', async () => {
    const trace = tempPath('interrupted.txt')
    const parts = partsOf('interrupted', {
      one: `const { appendFileSync } = await import('node:fs')
            appendFileSync(${JSON.stringify(trace)}, 'began ')
            progress(0.5)
            await new Promise(resolve => {
              const hold = setInterval(() => {}, 1000)
              signal.addEventListener('abort', () => { clearInterval(hold); resolve() })
              appendFileSync(${JSON.stringify(trace)}, 'waits ')
            })
            appendFileSync(${JSON.stringify(trace)}, 'cleaned')
            throw signal.reason`,
      two: fails
    })
    const { child, ended, says } = start('prove/run.ts', ['--parts', parts])
    await says('one ...')
    while (!textOf(trace).includes('waits')) await new Promise(resolve => setImmediate(resolve))
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect(readFileSync(trace, 'utf8')).to.equal('began waits cleaned')
    expect(stderr).to.include('one: interrupted')
    expect(stdout).to.not.include('two')
    expect(code).to.equal(130)
  })
})

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
