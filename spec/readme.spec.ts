import { expect } from 'chai'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, run } from './support/child.js'
import { tempFile } from './support/files.js'

const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** The fenced blocks of one language. */
function blocks(language: string, text = readme): string[] {
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, info]) => info === language)
    .map(([, , code]) => code ?? '')
}

/** Run a snippet that imports slidemap, in a folder with a huge.log of 5,000,000 lines. */
async function runSnippet(code: string): Promise<string> {
  const script = tempFile(
    'readme/snippet.ts',
    code.replace("'slidemap'", `'${pathToFileURL(join(root, 'lib/index.ts'))}'`)
  )
  const { code: exit, stdout, stderr } = await run(script, [], { cwd: dirname(script) })
  expect(stderr).to.equal('')
  expect(exit).to.equal(0)
  return stdout
}

/** Where the headings of a page can be linked to, as GitHub and npm do it. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
  )
}

describe('README.md and docs/', function () {
  this.timeout(120_000)
  const docs = readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md'))
  const pages = ['README.md', ...docs.map(name => `docs/${name}`)]
  const read = (page: string) => readFileSync(join(root, page), 'utf8')

  before(() => {
    tempFile('readme/huge.log', 'a line\n'.repeat(5_000_000))
    // An ES module wherever the temporary folder is.
    tempFile('readme/package.json', '{ "type": "module" }')
  })

  it('gives a first example that runs, and counts the lines of a file', async () => {
    const [usage = ''] = blocks('js')
    expect(usage).to.include("from 'slidemap'")
    expect(await runSnippet(usage)).to.equal('5000000\n')
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
  it('says what its other examples print, where they are whole programs', async () => {
    for (const page of ['windows', 'streams', 'text-and-records', 'concat', 'random-access']) {
      const programs = blocks('js', read(`docs/${page}.md`)).filter(code => code.includes("from 'slidemap'"))
      expect(programs, page).to.have.length(1)
      for (const code of programs) {
        const printed = [...code.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm)].map(
          ([, words]) => `${words}\n`
        )
        expect(printed, page).to.have.length.above(0)
        expect(await runSnippet(code), page).to.equal(printed.join(''))
      }
    }
  })

  it('links to pages and headings that there are', () => {
    let links = 0
    for (const page of pages) {
      for (const [link, path = '', anchor] of read(page).matchAll(
        /\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g
      )) {
        const target = path === '' ? page : join(dirname(page), path)
        expect(existsSync(join(root, target)), `${link} of ${page}`).to.equal(true)
        if (anchor !== undefined) expect(anchors(read(target)), `${link} of ${page}`).to.include(anchor)
        links++
      }
    }
    expect(links).to.be.above(20)
  })

  it('reads in one sitting', () => {
    expect(readme.split('\n')).to.have.length.below(200)
  })
})
