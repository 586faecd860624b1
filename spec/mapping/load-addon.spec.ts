import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { findAddon, loadAddon } from '../../lib/mapping/load-addon.js'
import { failure } from '../support/failure.js'
import { tempFile, tempPath } from '../support/files.js'

const here = `${process.platform}-${process.arch}`

/** A folder like native/ of the package, with these files. */
function folderWith(name: string, ...files: string[]): URL {
  for (const file of files) tempFile(`load-addon/${name}/${file}`, 'no binary')
  return pathToFileURL(tempPath(`load-addon/${name}/`))
}

describe('loading the addon', () => {
  const shipped = `prebuilds/${here}/slidemap.node`
  const built = 'build/Release/slidemap.node'

  it('finds the binary for the platform in a package', () => {
    const folder = folderWith('package', shipped, 'prebuilds/plan9-mips/slidemap.node')
    expect(findAddon(folder)).to.equal(tempPath(`load-addon/package/${shipped}`))
    expect(findAddon(folder, 'plan9-mips')).to.equal(
      tempPath('load-addon/package/prebuilds/plan9-mips/slidemap.node')
    )
  })

  it('takes the one that a checkout built for itself first', () => {
    expect(findAddon(folderWith('checkout', shipped, built))).to.equal(
      tempPath(`load-addon/checkout/${built}`)
    )
  })

  it('says for which platform there is none', () => {
    const folder = folderWith('elsewhere', shipped)
    expect(() => findAddon(folder, 'plan9-mips')).to.throw('there is no binary for plan9-mips')
  })

  it('says why one does not load', async () => {
    const file = findAddon(folderWith('broken', shipped))
    const error = await failure((async () => loadAddon(file))())
    expect(error).to.have.property('code', 'ERR_DLOPEN_FAILED')
  })
})
