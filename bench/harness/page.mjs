/**
 * Results as Markdown, between markers of a page: `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`. What stands between
 * them is made from bench/results/ only, and nobody's to edit.
 */
import { chartsOf } from './charts.mjs'
import { FIGURES, formatFigure, formatNumber, formatSize, scaleOf } from './units.mjs'
import { goalInWords, machineInWords, nameInWords, noiseInWords, seenInWords } from './words.mjs'

/** The page with every marked part made anew. `results` has a work's result by its name; `parts` has further ones. */
export function fillPage(page, results, parts = {}) {
  return page.replace(/^<!-- bench:(\S+) -->\n[\s\S]*?^<!-- \/bench:\1 -->$/gm, (_, name) => {
    const content = parts[name] ?? (results[name] ? workPart(results[name]) : notMeasured(name))
    return `<!-- bench:${name} -->\n${content.trim()}\n<!-- /bench:${name} -->`.replace(
      '\n\n<!-- /',
      '\n<!-- /'
    )
  })
}

function notMeasured(name) {
  return `Not measured yet: \`npm run bench -- ${name} --write\`.`
}

/** Everything of one work. */
export function workPart(result) {
  return result.tables.map(table => tablePart(result, table)).join('\n\n')
}

function tablePart(result, table) {
  const charts = chartsOf(result)
    .filter(({ table: name }) => name === table.name)
    .map(({ file, title }) => `![${title}](charts/${file}.svg)`)
  const date = result.date.slice(0, 10)
  return [
    `**${sentence(table.title)}.** ${formatOf(table)}${result.rounds * (table.times ?? 1)} rounds on ${date}: ${machineInWords(result.machine)}; ${noiseInWords(table)}.`,
    ...charts,
    ...(table.goals.length ? [goalTable(table)] : []),
    details(table)
  ].join('\n\n')
}

/** As a sentence begins. */
const sentence = text => text[0].toUpperCase() + text.slice(1)

function formatOf({ size, unit, items }) {
  if (!unit) return `${formatSize(size)}, `
  return items ? `${formatSize(size)}, ${items.toLocaleString('en-US')} ${unit}s, ` : ''
}

export function goalTable({ goals, unit }) {
  return table(
    ['goal', 'seen', ''],
    goals.map(goal => [goalInWords(goal, unit), seenInWords(goal, unit), goal.met ? 'met' : '**not met**'])
  )
}

/** Everything that was measured, to be unfolded. */
function details(result) {
  return `<details><summary>All contestants</summary>\n\n${result.metric ? figureTable(result) : rateTable(result)}\n\n</details>`
}

function rateTable({ contestants, ratios, unit }) {
  const there = contestants.filter(({ role, rate, failed }) => role !== 'baseline' && (rate || failed))
  const { scale, label } = scaleOf(Math.max(0, ...there.map(({ rate }) => rate?.median ?? 0)), unit)
  const number = value => formatNumber(value / scale)
  const first = ratios[0]?.ours
  // Of lines and files there is no GiB to speak of.
  const cpu = cell => (unit ? [] : [cell])
  const header = [
    '',
    label,
    'min .. max',
    ...(first ? [`${first} / this`] : []),
    ...cpu('CPU s/GiB'),
    'RSS',
    'collections'
  ]
  return table(
    header,
    there.map(each => {
      if (each.failed) return [each.name, `failed: ${each.failed}`, ...header.slice(2).map(() => '')]
      const { median, min, max, noisy } = each.rate
      const ratio = ratios.find(({ ours, against }) => ours === first && against === each.name)
      const { rssGrowth, collections, cpuPerGiB } = each.figures
      return [
        nameInWords(each),
        number(median),
        `${number(min)} .. ${number(max)}${noisy ? ' noisy' : ''}`,
        ...(first ? [ratio ? `${formatNumber(ratio.median)}${ratio.noisy ? ' noisy' : ''}` : ''] : []),
        ...cpu(cpuPerGiB ? formatNumber(cpuPerGiB.median) : ''),
        rssGrowth ? `+${formatFigure('rssGrowth', rssGrowth.max)}` : '',
        collections ? formatNumber(collections.median) : ''
      ]
    })
  )
}

function figureTable({ contestants, metric }) {
  const names = [metric].flat()
  return table(
    ['', ...names.map(name => FIGURES[name].label)],
    contestants.map(each => [
      nameInWords(each),
      ...names.map(name => {
        const figure = each.figures?.[name]
        if (!figure) return each.failed ? `failed: ${each.failed}` : ''
        const [median, min, max] = [figure.median, figure.min, figure.max].map(value =>
          formatFigure(name, value)
        )
        return `${median} (${min} .. ${max}${figure.noisy ? ', noisy' : ''})`
      })
    ])
  )
}

/** How long each work took. */
export function timesPart(results) {
  if (results.length === 0) return 'Not measured yet.'
  const total = results.reduce((sum, { seconds }) => sum + seconds, 0)
  const rows = results.map(({ work, tables, seconds }) => {
    const contestants = tables.reduce((sum, each) => sum + each.contestants.length, 0)
    return [`[${work}](#${work})`, tables.map(({ title }) => title).join('; '), contestants, minutes(seconds)]
  })
  return `All of them took ${minutes(total)}.\n\n${table(['work', '', 'contestants', 'took'], rows)}`
}

const minutes = seconds => (seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`)

/** The goals of all works, in one table. */
export function summaryPart(results) {
  const rows = results.flatMap(({ work, tables }) =>
    tables.flatMap(({ goals, unit }) =>
      goals.map(goal => [
        `[${work}](#${work})`,
        goalInWords(goal, unit),
        seenInWords(goal, unit),
        goal.met ? 'met' : '**not met**'
      ])
    )
  )
  if (rows.length === 0) return 'Not measured yet: `npm run bench -- --all --write`.'
  const met = rows.filter(row => row[3] === 'met').length
  return `${met} of ${rows.length} goals are met.\n\n${table(['work', 'goal', 'seen', ''], rows)}`
}

function table(header, rows) {
  const line = cells => `| ${cells.map(cell => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(header), `|${header.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

/** README's one chart; nothing until there is one. */
export function readmePart(scan) {
  const chart = scan && chartsOf(scan)[0]
  return chart ? `![${chart.title}](docs/charts/${chart.file}.svg)` : ''
}
