import { constants } from 'node:os'
import { expect } from 'chai'
import { tempFile } from '../support/files.js'
import { mappingsOf } from '../support/os.js'
import { type InjectedAddon, injectedPath, needsInjected } from './inject.js'

describe('An outcome of the addon', () => {
  it('has no mapping where it has an error: where there is no memory to remember its descriptor', function () {
    needsInjected.call(this)
    // An environment of its own, which has remembered none.
    const module = { exports: {} as InjectedAddon }
    process.dlopen(module, injectedPath)
    const addon = module.exports
    const path = tempFile('outcome', 'x'.repeat(2 * addon.pageSize))
    const errors = Int32Array.from(addon.inject.kinds, kind =>
      kind === 'memory' ? constants.errno.ENOMEM : 0
    )
    const outcomes = []
    for (let n = 1; n < 10; n++) {
      addon.inject.arm(n, n, errors)
      try {
        outcomes.push(addon.runSync(-1, Buffer.from(path), 0, 0, addon.pageSize, true))
      } catch {
        // No memory for the path.
      }
      if (addon.inject.disarm().every(count => count === 0)) break
    }
    const failed = outcomes.filter(({ errno }) => errno !== 0)
    expect(failed.map(({ errno }) => errno)).to.include(constants.errno.ENOMEM)
    for (const { buffer, fd } of failed) expect([buffer, fd]).to.deep.equal([undefined, -1])
    for (const { slot, serial, buffer, fd } of outcomes.filter(({ errno }) => errno === 0)) {
      addon.unmap(slot, serial, buffer ?? null)
      addon.closeSync(fd)
    }
    expect(addon.counters().mappings).to.equal(0)
    expect(mappingsOf(path)).to.deep.equal([])
  })
})
