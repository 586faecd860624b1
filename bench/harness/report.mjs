import { ratio, summarize } from './statistics.mjs'
import { formatSize, GiB } from './units.mjs'

/** Where others use more of the machine than this, every figure is in doubt. */
const BUSY = 0.1

/**
 * What the runs came to: rates, ratios of each of ours to each limit and peer, goals. Plain data, for JSON.
 *
 * Goals are `{ ours, against, atLeast, aim? }` (ratio of rates), `{ ours, figure, atMost }` (worst run) or
 * `{ ours, filesPerSecond }` (at least, median), for a fixture of many files.
 */
export function evaluate(work, { runs, entered, othersBusy }, fixture = {}) {
  const filesOf = rate => (rate * 1e9 * fixture.files) / fixture.size
  const rates = new Map([...runs].map(([name, list]) => [name, list.map(({ bytes, ns }) => bytes / ns)]))
  const contestants = entered.map(({ name, role, variant }) => {
    const own = runs.get(name)
    return {
      name,
      role,
      variant,
      gigabytesPerSecond: summarize(rates.get(name)),
      ...(fixture.files && { filesPerSecond: summarize(rates.get(name).map(filesOf)) }),
      ...(own[0].collections && {
        minorCollections: summarize(own.map(each => each.collections.minor)).median,
        majorCollections: summarize(own.map(each => each.collections.major)).median,
        cpuPerByte: summarize(own.map(({ cpu, bytes }) => cpu / bytes)).median,
        rssGrowth: Math.max(...own.map(each => each.rssGrowth))
      })
    }
  })
  const ratios = contestants
    .filter(({ role }) => role === 'ours')
    .flatMap(ours =>
      contestants
        .filter(({ name }) => name !== ours.name)
        .map(({ name }) => ({
          ours: ours.name,
          against: name,
          ...ratio(rates.get(ours.name), rates.get(name))
        }))
    )
  const entrants = new Set(runs.keys())
  const judged = work.goals.filter(({ ours, against = ours }) => entrants.has(ours) && entrants.has(against))
  const goals = judged.map(goal => {
    if (goal.filesPerSecond) {
      const { median, noisy } = contestants.find(({ name }) => name === goal.ours).filesPerSecond
      return { ...goal, value: median, noisy, met: median >= goal.filesPerSecond }
    }
    if (goal.figure) {
      const value = contestants.find(({ name }) => name === goal.ours)[goal.figure]
      return { ...goal, value, met: value <= goal.atMost }
    }
    const { median, noisy } = ratios.find(
      ({ ours, against }) => ours === goal.ours && against === goal.against
    )
    return {
      ...goal,
      value: median,
      noisy,
      met: median >= goal.atLeast,
      aimMet: median >= (goal.aim ?? goal.atLeast)
    }
  })
  return { work: work.name, othersBusy, contestants, ratios, goals }
}

/** The same for people. Absolute rates are this run's on this machine; the ratios are what may be quoted. */
export function print(work, result) {
  console.log(`\n${work.name}: ${work.title}`)
  const { median: busy, max: busiest } = result.othersBusy
  console.log(
    `  other programs used ${percent(busy)} of the machine between the runs, ${percent(busiest)} at most`
  )
  if (busy > BUSY) console.log('  NOISY MACHINE: repeat this where nothing else runs before quoting a figure')
  console.log(
    work.unit
      ? `\n  millions of ${work.unit}s a second in this run: median, min..max; collections minor+major, peak growth of RSS`
      : '\n  GB/s in this run: median, min..max; CPU s per GiB, collections minor+major, peak growth of RSS'
  )
  for (const each of result.contestants) {
    const scale = work.unit ? 1000 : 1
    const { noisy, ...rates } = each.gigabytesPerSecond
    const [median, min, max] = [rates.median, rates.min, rates.max].map(rate => rate * scale)
    const memory =
      each.rssGrowth === undefined
        ? ''
        : `${work.unit ? '' : `cpu ${((each.cpuPerByte * GiB) / 1e9).toFixed(2)}  `}gc ${each.minorCollections}+${each.majorCollections}  +${formatSize(each.rssGrowth)}`
    const label = each.variant ? `${each.name} (${formatSize(each.variant)})` : each.name
    const files = each.filesPerSecond ? `  ${Math.round(each.filesPerSecond.median)} files/s` : ''
    console.log(
      `  ${pad(label)} ${fixed(median)}  ${fixed(min)} ..${fixed(max)} ${noisy ? 'noisy' : '     '}  ${memory}${files}`
    )
  }
  printRatios(result)
  if (result.goals.length) console.log('\n  goals')
  for (const goal of result.goals) console.log(`    ${goalLine(goal)}`)
}

/** One column for each of ours, one line for each limit and peer. */
function printRatios({ contestants, ratios }) {
  const ours = contestants.filter(({ role }) => role === 'ours').map(({ name }) => name)
  if (ours.length === 0) return
  console.log("\n  times the rate of (median of the rounds' ratios)")
  ours.forEach((name, column) => {
    console.log(`    [${column + 1}] ${name}`)
  })
  console.log(`  ${pad('')}${ours.map((_, column) => `   [${column + 1}]`.padEnd(14)).join('')}`)
  for (const { name, role } of contestants) {
    if (role === 'ours') continue
    const figures = ours.map(each => ratios.find(({ ours, against }) => ours === each && against === name))
    const cells = figures.map(({ median, noisy }) => `${fixed(median)} ${noisy ? 'noisy' : ''}`.padEnd(14))
    console.log(`  ${pad(name)}${cells.join('')}`)
  }
}

function goalLine({
  ours,
  against,
  figure,
  filesPerSecond,
  atLeast,
  atMost,
  aim,
  value,
  noisy,
  met,
  aimMet
}) {
  const mark = met ? 'pass' : 'FAIL'
  if (filesPerSecond) return `${mark}  ${ours}: ${Math.round(value)} files/s >= ${filesPerSecond}`
  if (figure) return `${mark}  ${ours}: ${figure} ${formatSize(value)} <= ${formatSize(atMost)}`
  const further = aim ? `; aim ${aim} ${aimMet ? 'met' : 'not met'}` : ''
  return `${mark}  ${ours} / ${against}: ${value.toFixed(2)} >= ${atLeast}${further}${noisy ? ' (noisy)' : ''}`
}

const percent = share => `${Math.round(share * 100)} %`
const pad = text => text.padEnd(48)
const fixed = number => number.toFixed(2).padStart(6)
