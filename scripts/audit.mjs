/**
 * `npm audit`, for CI: fails where a package that is installed here has a known vulnerability, and says so and passes
 * where the registry does not answer that question (offline, mirrors).
 */
import { spawnSync } from 'node:child_process'

const { stdout } = spawnSync('npm', ['audit', '--json'], {
  encoding: 'utf8',
  shell: process.platform === 'win32'
})

/** What npm found, undefined where it was told nothing. */
function counts() {
  try {
    return JSON.parse(stdout).metadata?.vulnerabilities
  } catch {
    return undefined
  }
}

const found = counts()
if (found === undefined) {
  console.log('audit: the registry does not answer; nothing is known')
} else if (found.total === 0) {
  console.log('audit: no known vulnerability')
} else {
  console.log(`audit: ${JSON.stringify(found)}; npm audit says which`)
  process.exitCode = 1
}
