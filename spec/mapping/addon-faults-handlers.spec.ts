import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import { injectedPath, needsInjected } from '../faults/inject.js'
import { tempFile } from '../support/files.js'

/**
 * Run a program in a process of its own, with the addon, a file of 4 pages that it may cut short, and one that others
 * have mapped. It says what it saw as JSON.
 */
function run(program: string, where: 'main' | 'Worker' = 'main') {
  const names = {
    mine: tempFile('bus-mine', 'm'.repeat(16_384)),
    other: tempFile('bus-other', 'o'.repeat(8192))
  }
  const prelude = `
    const { truncateSync, writeSync } = require('node:fs')
    const { mine, other } = ${JSON.stringify(names)}
    const addon = require(${JSON.stringify(injectedPath)})
    const { inject } = addon
    const map = () => addon.runSync(-1, Buffer.from(mine), 0, 0, 16384, false)
    const say = what => writeSync(1, JSON.stringify(what) + '\\n')
    // As whoever had memory mapped of a file that was cut short: theirs, and none of the addon's.
    const loseTheirs = () => { inject.foreign(other); truncateSync(other, 0) }
    const loseMine = () => { const { buffer } = map(); truncateSync(mine, 4096); return Buffer.from(buffer) }
  `
  const code =
    where === 'main'
      ? prelude + program
      : `new (require('node:worker_threads').Worker)(${JSON.stringify(prelude + program)}, { eval: true })`
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' })
  const said = stdout.split('\n').filter(Boolean)
  return { status, signal, said: said.map(line => (line === 'reported' ? line : JSON.parse(line))), stderr }
}

describe('A SIGBUS that is not about a mapping of ours', () => {
  before(function () {
    needsInjected.call(this)
  })

  for (const where of ['main', 'Worker'] as const) {
    for (const how of ['plain', 'siginfo'] as const) {
      it(`goes to who had the handler before, ${how}, once a fault: ${where}`, () => {
        const { said, signal } = run(
          `inject.handle('${how}')
           const bytes = loseMine()
           loseTheirs()
           say([bytes[8192], inject.handled(), addon.counters().faults])
           say([inject.touch(1), inject.touch(0), inject.handled(), addon.counters().faults])
           say([bytes[4096], inject.handled(), addon.counters().faults])`,
          where
        )
        expect(said).to.deep.equal([
          [0, 0, 1],
          [0, 0, 2, 1],
          [0, 2, 1]
        ])
        expect(signal).to.equal(null)
      })
    }
  }

  for (const how of ['default', 'ignore'] as const) {
    it(`ends the process as it would have where that was ${how}`, () => {
      const { said, signal } = run(
        `inject.handle('${how}'); const bytes = loseMine(); loseTheirs()
         say(bytes[8192]); inject.touch(0); say('alive')`
      )
      expect({ said, signal }).to.deep.equal({ said: [0], signal: 'SIGBUS' })
    })
  }

  it('is passed on as well where it was sent by somebody', () => {
    const program = (how: string) =>
      `inject.handle('${how}'); map(); loseTheirs()
       process.kill(process.pid, 'SIGBUS'); say(inject.handled())`
    expect(run(program('ignore'))).to.include({ signal: null, status: 0 })
    expect(run(program('plain')).said).to.deep.equal([1])
    expect(run(program('siginfo'))).to.have.property('signal', null)
    expect(run(program('default')).signal).to.equal('SIGBUS')
  })

  it('goes but once to a handler that asked for no more, and then ends the process', () => {
    const { said, signal } = run(
      `inject.handle('once'); const bytes = loseMine(); loseTheirs()
       say(bytes[8192]); inject.touch(0); say('alive')`
    )
    expect({ said, signal }).to.deep.equal({ said: [0, 'reported'], signal: 'SIGBUS' })
  })
})

describe('A handler that was installed after the fault guard', () => {
  before(function () {
    needsInjected.call(this)
  })

  it('may pass on what is not its own: the guard does its work', () => {
    const { said } = run(
      `const first = map(); inject.handle('chain'); const bytes = loseMine()
       say([bytes[8192], inject.handled(), addon.counters().faults])`
    )
    expect(said).to.deep.equal([[0, 1, 1]])
  })

  it('and passes nothing on, has taken the guard away', () => {
    expect(run(`map(); inject.handle('default'); loseMine()[8192]; say('alive')`)).to.deep.include({
      said: [],
      signal: 'SIGBUS'
    })
  })
})

describe('A fault on a thread with little stack and no other one for signals', () => {
  before(function () {
    needsInjected.call(this)
  })

  it('is mended', () => {
    const { said, signal } = run(
      `const bytes = loseMine()
       say([inject.onLittleStack(bytes.subarray(0, 1)), inject.onLittleStack(bytes.subarray(4096, 4097))])
       say(addon.counters().faults)`
    )
    expect({ said, signal }).to.deep.equal({ said: [['m'.charCodeAt(0), 0], 1], signal: null })
  })
})
