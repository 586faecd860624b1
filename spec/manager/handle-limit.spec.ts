import { execFileSync } from 'node:child_process'
import fs, { readdirSync, readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { expect } from 'chai'
import { handleLimit } from '../../lib/manager/handle-limit.js'

const tsx = import.meta.resolve('tsx')
const module = new URL('../../lib/manager/handle-limit.ts', import.meta.url).href

type LimitAndOpen = [limit: number, open: number]

/** The limit, and how many files are open, at one moment: other threads, tsx's among them, open and close some at any. */
function limitAndOpen(limitNow: () => number, list: (path: string) => string[]): LimitAndOpen {
  for (;;) {
    const open = list('/proc/self/fd').length - 1
    const limit = limitNow()
    if (list('/proc/self/fd').length - 1 === open) return [limit, open]
  }
}

/** What a process answers that may have so many files open, and how many it has open. */
function underLimit(files: number): LimitAndOpen {
  const script = `import { handleLimit } from '${module}'; import { readdirSync } from 'node:fs'
    console.log(JSON.stringify((${limitAndOpen})(handleLimit, readdirSync)))`
  const node = [process.execPath, `--import=${tsx}`, '--input-type=module', '-e', script]
  const command = `ulimit -n ${files} && exec "$0" "$@"`
  return JSON.parse(execFileSync('sh', ['-c', command, ...node], { encoding: 'utf8' }))
}

describe('the limit of handles', () => {
  it('is the soft limit of open files of this process, less what is open and a reserve', function () {
    if (process.platform !== 'linux') return this.skip()
    const soft = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1])
    const [limit, open] = limitAndOpen(handleLimit, readdirSync)
    expect(limit).to.equal(soft - open - 32)
  })

  it('leaves half of a small limit to the rest of the process', function () {
    if (process.platform !== 'linux') return this.skip()
    for (const soft of [50, 64, 200]) {
      const [limit, open] = underLimit(soft)
      const free = soft - open
      expect(limit, `${open} of ${soft} open`).to.equal(free - Math.min(32, Math.ceil(free / 2)))
    }
  })

  it('is infinite where neither the OS nor the runtime tells', () => {
    const { readFileSync: read, readdirSync: list } = fs
    const { report } = process
    const refuse = () => {
      throw new Error('not permitted')
    }
    try {
      Object.assign(fs, { readFileSync: refuse, readdirSync: refuse })
      syncBuiltinESMExports()
      Object.defineProperty(process, 'report', { configurable: true, value: { getReport: refuse } })
      expect(handleLimit()).to.equal(Number.POSITIVE_INFINITY)
      Object.defineProperty(process, 'report', { configurable: true, value: undefined })
      expect(handleLimit()).to.equal(Number.POSITIVE_INFINITY)
    } finally {
      Object.assign(fs, { readFileSync: read, readdirSync: list })
      syncBuiltinESMExports()
      Object.defineProperty(process, 'report', { configurable: true, value: report })
    }
  })
})
