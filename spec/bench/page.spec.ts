import { expect } from 'chai'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chartsOf, COLORS } from '../../bench/harness/charts.mjs'
import { pagesOf } from '../../bench/harness/draw.mjs'
import { fillPage, goalTable, readmePart, summaryPart, workPart } from '../../bench/harness/page.mjs'
import { report } from '../../bench/harness/report.mjs'
import { asJson, loadResults } from '../../bench/harness/results.mjs'
import { workNames } from '../../bench/harness/works.mjs'
import { root } from '../support/child.js'
import { noisy, quiet } from './made-up.js'

const text = (value: unknown) => JSON.stringify(value)

describe('results of the bench', () => {
  it('are tables and charts between the markers of a page, and leave the rest of it alone', () => {
    const page = 'before\n\n<!-- bench:scan -->\nold\n<!-- /bench:scan -->\n\nafter\n'
    const filled = fillPage(page, { scan: quiet })
    expect(filled).to.match(
      /^before\n\n<!-- bench:scan -->\n\*\*Look[\s\S]+<!-- \/bench:scan -->\n\nafter\n$/
    )
    expect(filled).not.to.include('old')
    expect(fillPage(filled, { scan: quiet })).to.equal(filled)
  })

  it('are said to be missing where they are', () => {
    const page = '<!-- bench:scan -->\n<!-- /bench:scan -->'
    expect(fillPage(page, {})).to.include('Not measured yet: `npm run bench -- scan --write`.')
    expect(summaryPart([])).to.include('Not measured yet')
    expect(readmePart(undefined)).to.equal('')
  })

  it('are shown with the machine, the rounds and the day', () => {
    expect(workPart(quiet)).to.include(
      '5 rounds on 2001-02-03: Made-up CPU, 2 cores, 8 GiB of memory, Made-up OS 1 x64, Node v20.0.0, ext4'
    )
  })

  it('are shown with how far the runs lie apart, noise, and who failed', () => {
    const part = workPart(quiet)
    expect(part).to.include('| leased windows | 10 | 9.5 .. 10.5 |  | 0.1 | +48 MiB | 0 |')
    expect(part).to.include(
      '| createReadStream, best (1 MiB) | 2 | 1 .. 3 noisy | 5 noisy | 0.5 | +4 MiB | 20 |'
    )
    expect(part).to.include('| mmap-io | failed: ended with SIGBUS |')
  })

  it('say of each goal what was seen and whether it is met', () => {
    expect(goalTable(quiet.tables[0])).to.equal(
      [
        '| goal | seen |  |',
        '|---|---|---|',
        '| leased windows / createReadStream, best: at least 4 | 5 (3.5 .. 9.5, noisy) | met |',
        '| leased windows: peak growth of RSS, at most 40 MiB | 48 MiB in the worst run | **not met** |',
        '| leased windows / mmap-io: at least 1 | failed: mmap-io: ended with SIGBUS | **not met** |'
      ].join('\n')
    )
    expect(summaryPart([quiet])).to.include('1 of 3 goals are met.')
  })

  it('are not quoted without saying so where the machine was noisy', () => {
    expect(workPart(quiet)).not.to.include('noisy machine')
    const part = workPart(noisy)
    expect(part).to.include(
      'noisy machine (other programs used 50 % of the machine between the runs, 60 % at most)'
    )
    expect(report(noisy.tables[0])).to.include('these figures show nothing')
    expect(text(chartsOf(noisy)[0]?.spec)).to.include('NOISY MACHINE')
    expect(text(chartsOf(quiet)[0]?.spec)).not.to.include('NOISY MACHINE')
  })

  it('are charts of the same figures', () => {
    const [chart] = chartsOf(quiet)
    expect(chart?.file).to.equal('scan')
    expect(chart?.spec.data.values).to.deep.equal([
      { name: 'leased windows', role: 'slidemap', median: 10, min: 9.5, max: 10.5, label: '10' },
      { name: 'createReadStream, best (1 MiB)', role: 'peers', median: 2, min: 1, max: 3, label: '2  noisy' }
    ])
    const [series] = chartsOf(noisy)
    expect(series?.spec.data.values).to.deep.include({
      name: 'leased windows',
      what: 'growth of RSS',
      done: 50,
      size: 32
    })
  })

  it('are drawn in colours that a dark theme can tell apart', () => {
    expect(new Set(Object.values(COLORS)).size).to.equal(Object.keys(COLORS).length)
  })

  it('are kept in five digits', () => {
    expect(JSON.parse(asJson({ a: 1.23456789, b: 123456789 }))).to.deep.equal({ a: 1.2346, b: 123456789 })
  })
})

describe('docs/performance.md', () => {
  const page = readFileSync(join(root, 'docs/performance.md'), 'utf8')
  const results = loadResults()

  it('has its figures, and README its chart, from bench/results/ only', () => {
    for (const [file, filled] of pagesOf(results))
      expect(readFileSync(join(root, file), 'utf8'), `${file}: npm run bench -- --charts`).to.equal(filled)
  })

  it('has a part for every work', () => {
    const parts = [...page.matchAll(/^<!-- bench:(\S+) -->$/gm)].map(([, name]) => name)
    expect(parts).to.deep.equal(['summary', 'times', ...workNames()])
  })

  it('shows charts that were drawn', () => {
    const drawn = existsSync(join(root, 'docs/charts')) ? readdirSync(join(root, 'docs/charts')) : []
    const charts = results.flatMap(chartsOf).map(({ file }: { file: string }) => `${file}.svg`)
    expect(drawn.sort()).to.deep.equal(charts.sort())
  })

  it('says of each work that misses a goal what stands in the way', () => {
    for (const { work, tables } of results) {
      const missed = tables.some(({ goals }: { goals: { met: boolean }[] }) => goals.some(({ met }) => !met))
      const [, section = ''] = page.split(`<!-- /bench:${work} -->`)
      const own = section.split(/^## /m)[0]
      if (missed) expect(own, work).to.match(/^### What stands in the way$/m)
    }
  })
})
