/**
 * `npm run test:windows`: the specs in Windows' Node, under wine. Ends with mocha's counts, of all releases together.
 *
 *   npm run test:windows -- --short              a minute or two: what has most to do with the OS, in Node 22
 *   npm run test:windows -- --node 20 FILE...    in one release of Node, these files of specs
 *   npm run test:windows -- --grep WORDS
 */
import { parseArgs } from 'node:util'
import { testWindows } from './tests.mjs'

const { values, positionals } = parseArgs({
  options: { short: { type: 'boolean' }, node: { type: 'string', multiple: true }, grep: { type: 'string' } },
  allowPositionals: true
})
try {
  const results = await testWindows({
    short: values.short,
    ...(values.node && { nodes: values.node }),
    ...(values.grep && { grep: values.grep }),
    ...(positionals.length > 0 && { specs: positionals })
  })
  console.log()
  for (const { node, passed, failed, skipped, ended } of results) {
    console.log(
      `Node ${node}: ${passed} passed, ${failed} failed, ${skipped} skipped${ended ? '' : ', and it did not end'}`
    )
  }
  const sum = name => results.reduce((total, result) => total + result[name], 0)
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
  if (sum('failed') > 0) process.exitCode = 1
} catch (error) {
  console.error(`slidemap: ${error.message}`)
  process.exitCode = 1
}
