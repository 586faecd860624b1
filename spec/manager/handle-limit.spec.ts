import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { handleLimit } from '../../lib/manager/handle-limit.js'

const tsx = import.meta.resolve('tsx')
const module = new URL('../../lib/manager/handle-limit.ts', import.meta.url).href

/** What a process answers that may have so many files open. */
function underLimit(files: number): number {
  const script = `import { handleLimit } from '${module}'; console.log(handleLimit())`
  const node = [process.execPath, `--import=${tsx}`, '--input-type=module', '-e', script]
  const command = `ulimit -n ${files} && exec "$0" "$@"`
  return Number(execFileSync('sh', ['-c', command, ...node], { encoding: 'utf8' }))
}

describe('the limit of handles', () => {
  it('is the soft limit of open files of this process, less a reserve', function () {
    if (process.platform !== 'linux') return this.skip()
    const soft = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1])
    expect(handleLimit()).to.equal(soft - 32)
  })

  it('leaves half of a small limit to the rest of the process', function () {
    if (process.platform !== 'linux') return this.skip()
    expect(underLimit(50)).to.equal(25)
    expect(underLimit(64)).to.equal(32)
    expect(underLimit(200)).to.equal(168)
  })
})
