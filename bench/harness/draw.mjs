/** Pictures of the charts, and the tables between the markers of docs/performance.md and README.md. */
import fs from 'node:fs'
import path from 'node:path'
import { chartsOf, COLORS } from './charts.mjs'
import { fillPage, readmePart, summaryPart, timesPart } from './page.mjs'
import { loadResults } from './results.mjs'

const root = path.join(import.meta.dirname, '..', '..')

const DARK = {
  ours: '#4493f8',
  limit: '#7d8590',
  peer: '#d29922',
  baseline: '#656c76',
  text: '#f0f6fc',
  faint: '#9198a1',
  grid: '#30363d',
  bound: '#f85149',
  background: '#0d1117'
}

/** One picture for both: it has a background of its own, so that it can be read wherever the two disagree. */
const style = `<style>@media (prefers-color-scheme: dark) {${Object.keys(COLORS)
  .flatMap(name => ['fill', 'stroke'].map(kind => [kind, COLORS[name], DARK[name]]))
  .map(([kind, light, dark]) => `[${kind}="${light}"]{${kind}:${dark}}`)
  .join('')}}</style>`

/** Widths of letters in a common sans-serif, in parts of the font's size: there is no canvas here to measure them. */
const WIDTHS = [
  [/[ijl.,:;'|!()[\] fIt/]/, 0.3],
  [/[mwMW%@]/, 0.86],
  [/[A-Z_&]/, 0.68],
  [/./, 0.56]
]

function widthOf({ fontSize = 11 }, text) {
  const widths = [...String(text)].map(letter => WIDTHS.find(([letters]) => letters.test(letter))?.[1] ?? 1)
  return fontSize * widths.reduce((sum, width) => sum + width, 0)
}

/** The picture of a vega-lite spec. */
export async function svgOf(spec) {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')])
  vega.textMetrics.width = widthOf
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  return `${svg.replace(/^(<svg[^>]*>)/, `$1${style}`)}\n`
}

/** Draw and write everything that is made from bench/results/ (or `from`). Answers the files, relative to `to`. */
export async function drawAll({ from, to = root } = {}) {
  const results = loadResults(from)
  const written = []
  const write = (file, text) => {
    const target = path.join(to, file)
    fs.mkdirSync(path.dirname(target), { recursive: true })
    fs.writeFileSync(target, text)
    written.push(file)
  }
  for (const { file, spec } of results.flatMap(chartsOf)) write(`docs/charts/${file}.svg`, await svgOf(spec))
  for (const [file, text] of pagesOf(results)) write(file, text)
  return written
}

/** The pages with what they have from `results`. */
export function pagesOf(results) {
  const byName = Object.fromEntries(results.map(result => [result.work, result]))
  const parts = { summary: summaryPart(results), times: timesPart(results), readme: readmePart(byName.scan) }
  return ['docs/performance.md', 'README.md'].map(file => {
    const page = fs.readFileSync(path.join(root, file), 'utf8')
    return [file, fillPage(page, byName, parts)]
  })
}
