/**
 * Runs in Windows' Node: mocha, as `npm test` has it, on specs that have been made into JavaScript.
 *
 *   node.exe --expose-gc inside.mjs TEMPORARY-FOLDER '{"specs": [...], "grep": "..."}'
 */
import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import Mocha from 'mocha'

/** Where a refusal of the OS is a failure: they are written for Windows, too. */
const strict = /(windows|conformance)\.spec\.js$/

const [temporary, request] = process.argv.slice(2)
const { specs, grep, notThere } = JSON.parse(request)
mkdirSync(temporary, { recursive: true })
process.env.TEMP = process.env.TMP = temporary
process.chdir(import.meta.dirname)

const load = async path => await import(pathToFileURL(resolve(path)).href)
const { mochaHooks } = await load('spec/support/hooks.js')
const { default: reporter } = await load('spec/support/reporter.js')
const mocha = new Mocha({ reporter, rootHooks: mochaHooks, timeout: 120_000, ...(grep && { grep }) })
for (const spec of specs) mocha.addFile(resolve(spec))
await mocha.loadFilesAsync()
leaveOut(mocha.suite)
const failures = await new Promise(done => {
  // At once, not only in the end: it may not come to its end.
  mocha.run(done).on('fail', (_test, error) => console.log(`    ${error.message.split('\n', 1)[0]}`))
})
const left = leftovers(temporary)
for (const path of left) console.log(`left behind, open or mapped: ${path}`)
process.exit(failures + left.length > 0 ? 1 : 0)

/** Skip what cannot hold, with the reason in its title. */
function leaveOut(suite) {
  for (const test of suite.tests) {
    const [, reason] = notThere.find(([title]) => new RegExp(title).test(test.fullTitle())) ?? []
    if (reason !== undefined) {
      test.pending = true
      test.title += ` (${reason})`
    } else if (test.fn?.length === 0 && !strict.test(test.file)) {
      test.fn = orSkip(test.fn)
    }
  }
  for (const below of suite.suites) leaveOut(below)
}

/** A test that wants to cut short or replace what is mapped at that moment: Windows refuses, so it is skipped. */
function orSkip(body) {
  return async function () {
    try {
      return await body.call(this)
    } catch (error) {
      // What the OS said, or what an assertion met instead of what it wanted.
      const [, , syscall] = /(UNKNOWN|EPERM): [^,]+, (ftruncate|open|rename)\b/.exec(error?.message) ?? []
      if (syscall === undefined) throw error
      this.test.title += ` (refused: ${syscall} of what is mapped)`
      this.skip()
    }
  }
}

/** Windows removes nothing that is mapped, and no folder with something open in it: what is left is what was left. */
function leftovers(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    try {
      if (!entry.isDirectory()) return rmSync(path) ?? []
      const below = leftovers(path)
      if (below.length === 0) rmdirSync(path)
      return below
    } catch (error) {
      return [`${path} (${error.message})`]
    }
  })
}
