/**
 * Whether a tag may be published: it is the package's version, the changelog has that version with a date, and
 * package.json names the repository that publishes it (npm's statement of provenance is refused otherwise).
 *
 *   node scripts/check-release.mjs v1.2.3 OWNER/NAME
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const read = name => readFileSync(join(root, name), 'utf8')

const [tag, repository] = process.argv.slice(2)
const manifest = JSON.parse(read('package.json'))
const { version } = manifest
const url = manifest.repository?.url ?? manifest.repository ?? ''
const dated = read('CHANGELOG.md')
  .split('\n')
  .some(line => line.startsWith(`## [${version}] - `) && /\d{4}-\d{2}-\d{2}$/.test(line))

const faults = [
  ...(tag === `v${version}` ? [] : [`the tag is ${tag}, the version in package.json ${version}`]),
  ...(dated ? [] : [`CHANGELOG.md has no "## [${version}] - YYYY-MM-DD"`]),
  ...(new RegExp(`[/:]${repository}(\\.git)?$`).test(url)
    ? []
    : [`"repository" in package.json is "${url}", not that of ${repository}`])
]
for (const fault of faults) console.error(`release: ${fault}`)
if (faults.length > 0) process.exit(1)
console.log(`release: ${tag} of ${repository}`)
