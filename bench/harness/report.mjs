/** A result for people, on a terminal. Absolute rates are this run's on this machine; the ratios are what counts. */
import { FIGURES, formatFigure, formatNumber, scaleOf } from './units.mjs'
import { goalInWords, nameInWords, noiseInWords, seenInWords } from './words.mjs'

export function report(table) {
  return [
    `\n${table.name}: ${table.title}`,
    `  ${noiseInWords(table)}`,
    ...(table.metric ? metricLines(table) : rateLines(table)),
    ...table.contestants
      .filter(({ failed }) => failed)
      .map(({ name, failed }) => `  ${pad(name)} FAILED: ${failed}`),
    ...(table.metric ? [] : ratioLines(table)),
    ...(table.goals.length ? ['\n  goals'] : []),
    ...table.goals.map(
      goal =>
        `    ${goal.met ? 'met     ' : 'NOT MET '} ${goalInWords(goal, table.unit)}; seen ${seenInWords(goal, table.unit)}`
    )
  ].join('\n')
}

function rateLines({ contestants, unit }) {
  const there = contestants.filter(({ rate, role }) => rate && role !== 'baseline')
  const most = Math.max(...there.map(({ rate }) => rate.median))
  const { scale, label } = scaleOf(most, unit)
  const number = value => formatNumber(value / scale).padStart(6)
  return [
    `\n  ${label}: median, min .. max; ${unit ? '' : 'CPU s per GiB, '}collections, peak growth of RSS`,
    ...there.map(each => {
      const { median, min, max, noisy } = each.rate
      const { cpuPerGiB, collections, rssGrowth } = each.figures
      const figures = collections
        ? [
            ...(unit ? [] : [`cpu ${cpuPerGiB.median.toFixed(2)}`]),
            `gc ${collections.median}`,
            `+${formatFigure('rssGrowth', rssGrowth.max)}`
          ].join('  ')
        : ''
      return `  ${pad(nameInWords(each))}${number(median)} ${number(min)} .. ${number(max)} ${noisy ? 'noisy' : '     '} ${figures}`
    })
  ]
}

/** Where the result is no rate: all figures of that kind. */
function metricLines({ contestants, metric }) {
  const names = Array.isArray(metric) ? metric : [metric]
  return [
    `\n  ${names.map(name => FIGURES[name].label).join('; ')}: median, min .. max`,
    ...contestants
      .filter(({ figures }) => figures)
      .map(each => {
        const cells = names.map(name => {
          const figure = each.figures[name]
          if (!figure) return '-'
          const [median, min, max] = [figure.median, figure.min, figure.max].map(value =>
            formatFigure(name, value)
          )
          return `${median} (${min} .. ${max}${figure.noisy ? ', noisy' : ''})`
        })
        return `  ${pad(nameInWords(each))}${cells.map(cell => cell.padEnd(40)).join('')}`
      })
  ]
}

/** One column for each of ours, one line for each limit and peer. */
function ratioLines({ contestants, ratios }) {
  const ours = [...new Set(ratios.map(each => each.ours))]
  if (ours.length === 0) return []
  return [
    "\n  times the rate of (median of the rounds' ratios)",
    ...ours.map((name, column) => `    [${column + 1}] ${name}`),
    `  ${pad('')}${ours.map((_, column) => `   [${column + 1}]`.padEnd(14)).join('')}`,
    ...contestants
      .filter(({ name }) => ratios.some(({ against }) => against === name))
      .map(({ name }) => {
        const cells = ours.map(each => {
          const { median, noisy } = ratios.find(({ ours, against }) => ours === each && against === name)
          return `${formatNumber(median).padStart(6)} ${noisy ? 'noisy' : ''}`.padEnd(14)
        })
        return `  ${pad(name)}${cells.join('')}`
      })
  ]
}

const pad = text => text.padEnd(44)
