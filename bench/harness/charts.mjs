/**
 * Results as charts: vega-lite specs, plain data. draw.mjs makes pictures of them.
 *
 * A table's `chart` is `{ kind, title }`, and for
 * - `rates`, `times`: bars of medians, with whiskers from the lowest to the highest run
 * - `lines`: points of those contestants that have `at: { x, line }`; `x` names the axis, `bytes` says that these are
 *   sizes; `relative`: each line beside its first point
 * - `delays`: p50, p99 and the longest of each contestant
 * - `memory`: samples over time of `contestants`; `limit` bytes
 */
import { FIGURES, formatNumber, formatSize, MiB, scaleOf } from './units.mjs'
import { nameInWords } from './words.mjs'

/** By role; what draw.mjs replaces where the reader's colours are dark. */
export const COLORS = {
  ours: '#0969da',
  limit: '#8c959f',
  peer: '#c69026',
  baseline: '#afb8c1',
  text: '#1f2328',
  faint: '#59636e',
  grid: '#d8dee4',
  bound: '#cf222e',
  background: '#ffffff'
}

const ROLES = { ours: 'slidemap', limit: 'the limit', peer: 'peers', baseline: 'for comparison' }

/** What is shown of so many runs. */
const range = runs => `median and range of ${runs} runs`
const NOTES = {
  rates: range,
  times: range,
  lines: range,
  delays: runs => `medians of ${runs} runs`,
  memory: runs => `the last of ${runs} runs`
}

const BAR = 22
const WIDTH = 460

/** `{ table, file, title, spec }` of each table that has a chart. `file` is its name in docs/charts/, less `.svg`. */
export function chartsOf(result) {
  return result.tables
    .filter(({ chart }) => chart)
    .map(table => ({
      table: table.name,
      file: table.name,
      title: table.chart.title,
      spec: { ...frame(result, table), ...kinds[table.chart.kind](table) }
    }))
}

function frame({ machine, rounds, date }, { chart, busy, times = 1 }) {
  const { cpu, cores, node } = machine
  const subtitle = [
    `${cpu}, ${cores} cores, Node ${node}, ${date.slice(0, 10)}; ${NOTES[chart.kind](rounds * times)}`,
    ...(busy ? ['NOISY MACHINE: THESE FIGURES SHOW NOTHING'] : [])
  ]
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: COLORS.background,
    padding: 16,
    title: { text: chart.title, subtitle, anchor: 'start', frame: 'group', offset: 14 },
    config: {
      // Shown as an image, it has a text of its own for those who do not see it.
      aria: false,
      font: '-apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
      view: { stroke: null },
      title: {
        color: COLORS.text,
        fontSize: 16,
        subtitleColor: busy ? COLORS.bound : COLORS.faint,
        subtitleFontSize: 12,
        subtitlePadding: 6
      },
      axis: {
        labelColor: COLORS.text,
        titleColor: COLORS.faint,
        gridColor: COLORS.grid,
        domain: false,
        ticks: false,
        labelFontSize: 12,
        titleFontSize: 12,
        titleFontWeight: 'normal',
        labelPadding: 8,
        labelLimit: 320
      },
      legend: {
        labelColor: COLORS.text,
        labelFontSize: 12,
        title: null,
        orient: 'bottom',
        offset: 12,
        labelLimit: 320,
        columnPadding: 24,
        symbolOpacity: 1
      },
      header: { labelColor: COLORS.text, labelFontSize: 12, title: null },
      text: { color: COLORS.text, fontSize: 12 }
    }
  }
}

/** Which colour is whose, among those that are there. */
function colorOf(there) {
  const roles = Object.keys(ROLES).filter(role => there.some(each => each.role === ROLES[role]))
  return {
    field: 'role',
    type: 'nominal',
    scale: { domain: roles.map(role => ROLES[role]), range: roles.map(role => COLORS[role]) }
  }
}

const kinds = { rates, times, lines, delays, memory }

function rates({ contestants, unit }) {
  const there = contestants.filter(({ rate, role }) => rate && role !== 'baseline')
  const { scale, label } = scaleOf(Math.max(...there.map(({ rate }) => rate.median)), unit)
  const rows = there.map(each => rowOf(each, each.rate, value => value / scale))
  return bars(rows, label)
}

function times({ contestants }) {
  const there = contestants.filter(({ figures }) => figures)
  const rows = there.map(each => rowOf(each, each.figures.time, value => value))
  return bars(rows, FIGURES.time.unit)
}

function rowOf(contestant, { median, min, max, noisy }, scaled) {
  return {
    name: nameInWords(contestant),
    role: ROLES[contestant.role],
    median: scaled(median),
    min: scaled(min),
    max: scaled(max),
    label: `${formatNumber(scaled(median))}${noisy ? '  noisy' : ''}`
  }
}

function bars(rows, title) {
  const y = { field: 'name', type: 'nominal', sort: null, axis: { title: null } }
  return {
    width: WIDTH,
    height: { step: BAR },
    data: { values: rows },
    encoding: { y },
    layer: [
      {
        mark: { type: 'bar', height: { band: 0.68 }, cornerRadiusEnd: 2 },
        encoding: {
          x: { field: 'median', type: 'quantitative', axis: { title, tickCount: 6 } },
          color: colorOf(rows)
        }
      },
      {
        mark: { type: 'rule', color: COLORS.text, opacity: 0.55, strokeWidth: 1.5 },
        encoding: { x: { field: 'min', type: 'quantitative' }, x2: { field: 'max' } }
      },
      {
        mark: { type: 'text', align: 'left', dx: 6 },
        encoding: { x: { field: 'max', type: 'quantitative' }, text: { field: 'label' } }
      }
    ]
  }
}

const LINES = [COLORS.ours, COLORS.peer, COLORS.limit]

function lines({ contestants, unit, chart }) {
  const there = contestants.filter(({ rate, at }) => rate && at)
  const most = Math.max(...there.map(({ rate }) => rate.median))
  const { scale, label } = scaleOf(most, unit)
  const first = new Map()
  const points = there
    .sort((a, b) => a.at.x - b.at.x)
    .map(({ at, rate }) => {
      if (!first.has(at.line)) first.set(at.line, rate.median)
      const by = chart.relative ? first.get(at.line) : scale
      const { median, min, max } = rate
      const x = chart.bytes ? formatSize(at.x) : at.x.toLocaleString('en-US')
      return { x, line: at.line, median: median / by, min: min / by, max: max / by }
    })
  const title = chart.relative
    ? `${label.replace(/^(million|thousand) /, '')}, the first point being 1`
    : label
  const names = [...new Set(there.map(({ at }) => at.line))]
  const y = { type: 'quantitative', scale: { zero: true }, axis: { title, tickCount: 5 } }
  return {
    width: WIDTH,
    height: 220,
    data: { values: points },
    encoding: {
      x: {
        field: 'x',
        type: 'ordinal',
        sort: null,
        axis: { title: chart.x, labelAngle: 0, grid: false, labelColor: COLORS.text },
        scale: { padding: 0.4 }
      },
      color: {
        field: 'line',
        type: 'nominal',
        scale: { domain: names, range: LINES.slice(0, names.length) },
        ...(names.length === 1 && { legend: null })
      }
    },
    layer: [
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { y: { field: 'median', ...y } } },
      {
        mark: { type: 'point', filled: true, size: 60, opacity: 1 },
        encoding: { y: { field: 'median', ...y } }
      },
      {
        mark: { type: 'rule', opacity: 0.6, strokeWidth: 1.5 },
        encoding: { y: { field: 'min', ...y }, y2: { field: 'max' } }
      }
    ]
  }
}

/** A log scale has no 0. */
const LEAST_MS = 0.01
const BOUND_MS = 10

function delays({ contestants }) {
  const there = contestants.filter(({ figures }) => figures?.loopMax)
  const shown = ['loopP50', 'loopP99', 'loopMax']
  const label = name => FIGURES[name].label.replace('event-loop delay, ', '')
  const points = there.flatMap(each =>
    shown.map(name => ({
      name: each.name,
      role: ROLES[each.role],
      what: label(name),
      ms: Math.max(LEAST_MS, each.figures[name].median)
    }))
  )
  const x = {
    type: 'quantitative',
    scale: { type: 'log' },
    axis: {
      title: 'ms late, on a logarithmic scale',
      values: [0.01, 0.1, 1, 10, 100, 1000, 10000],
      format: '~g'
    }
  }
  const y = { field: 'name', type: 'nominal', sort: null, axis: { title: null, grid: true } }
  return {
    width: WIDTH,
    height: { step: BAR + 4 },
    layer: [
      {
        data: { values: [{ ms: BOUND_MS }] },
        mark: { type: 'rule', color: COLORS.bound, strokeDash: [4, 4] },
        encoding: { x: { field: 'ms', ...x } }
      },
      {
        data: { values: points },
        mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 },
        encoding: {
          y,
          x: { field: 'ms', aggregate: 'min', ...x },
          x2: { field: 'ms', aggregate: 'max' },
          color: colorOf(points)
        }
      },
      {
        data: { values: points },
        mark: { type: 'point', filled: true, size: 80, opacity: 1 },
        encoding: {
          y,
          x: { field: 'ms', ...x },
          color: colorOf(points),
          shape: {
            field: 'what',
            type: 'nominal',
            scale: { domain: shown.map(label), range: ['circle', 'diamond', 'triangle-right'] },
            legend: { symbolFillColor: COLORS.faint, symbolStrokeColor: COLORS.faint }
          }
        }
      }
    ]
  }
}

function memory({ contestants, chart }) {
  const shown = chart.contestants
    .map(name => contestants.find(each => each.name === name))
    .filter(each => each?.series?.length)
  const points = shown.flatMap(({ name, series }) => {
    const [first] = series
    const end = Math.max(1, series.at(-1).ms)
    return series.flatMap(({ ms, mapped, rss }) => [
      { name, what: 'mapped of the file', done: (100 * ms) / end, size: mapped / MiB },
      { name, what: 'growth of RSS', done: (100 * ms) / end, size: Math.max(0, rss - first.rss) / MiB }
    ])
  })
  const most = Math.max(128, ...points.map(({ size }) => size))
  const y = {
    type: 'quantitative',
    // Both the limit and what is many times as much can be read.
    scale: { type: 'pow', exponent: 0.5, domain: [0, most] },
    axis: { title: 'MiB', values: [0, 16, 64, 256, 1024, 2048].filter(value => value <= most * 1.1) }
  }
  const color = {
    field: 'what',
    type: 'nominal',
    scale: { domain: ['mapped of the file', 'growth of RSS'], range: [COLORS.ours, COLORS.peer] }
  }
  return {
    data: { values: points },
    facet: { field: 'name', type: 'nominal', sort: shown.map(({ name }) => name) },
    columns: 2,
    spacing: { row: 28, column: 32 },
    spec: {
      width: 240,
      height: 130,
      layer: [
        {
          mark: { type: 'line', strokeWidth: 1.8, interpolate: 'step-after' },
          encoding: {
            x: {
              field: 'done',
              type: 'quantitative',
              axis: { title: '% of the run', tickCount: 5, grid: false }
            },
            y: { field: 'size', ...y },
            color
          }
        },
        {
          data: { values: [{ limit: chart.limit / MiB }] },
          mark: { type: 'rule', color: COLORS.bound, strokeDash: [4, 4] },
          encoding: { y: { field: 'limit', ...y } }
        }
      ]
    }
  }
}
