import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, run } from './support/child.js'
import { tempFile } from './support/files.js'

const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** The fenced blocks of one language. */
function blocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, info]) => info === language)
    .map(([, , code]) => code ?? '')
}

describe('README.md', () => {
  it('gives a first example that runs, and counts the lines of a file', async () => {
    const [usage = ''] = blocks('js')
    expect(usage).to.include("from 'slidemap'")
    const script = tempFile(
      'readme/usage.ts',
      usage.replace("'slidemap'", `'${pathToFileURL(join(root, 'lib/index.ts'))}'`)
    )
    tempFile('readme/huge.log', 'a line\n'.repeat(5_000_000))
    // An ES module wherever the temporary folder is.
    tempFile('readme/package.json', '{ "type": "module" }')
    const { code, stdout, stderr } = await run(script, [], { cwd: dirname(script) })
    expect(stderr).to.equal('')
    expect(stdout).to.equal('5000000\n')
    expect(code).to.equal(0)
  })

  it('names the commands that there are', () => {
    expect(blocks('sh')).to.deep.equal([
      'npm install slidemap\n',
      'npm install && npm run demo\n',
      'npm install && npm test\n'
    ])
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(scripts).to.include.keys('demo', 'test')
  })
})
