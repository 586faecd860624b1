import { ratio, summarize } from './statistics.mjs'
import { formatSize } from './units.mjs'

/**
 * What the runs came to: rates, ratios of each of ours to each limit and peer, goals. Plain data, for JSON.
 *
 * Goals are `{ ours, against, atLeast, aim? }` (ratio of rates) or `{ ours, figure, atMost }` (worst run).
 */
export function evaluate(work, { runs, entered }) {
  const rates = new Map([...runs].map(([name, list]) => [name, list.map(({ bytes, ns }) => bytes / ns)]))
  const contestants = entered.map(({ name, role, variant }) => {
    const own = runs.get(name)
    return {
      name,
      role,
      variant,
      gigabytesPerSecond: summarize(rates.get(name)),
      ...(own[0].collections && {
        minorCollections: summarize(own.map(each => each.collections.minor)).median,
        majorCollections: summarize(own.map(each => each.collections.major)).median,
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
  return { work: work.name, contestants, ratios, goals }
}

/** The same for people. Absolute rates are this run's on this machine; the ratios are what may be quoted. */
export function print(work, result) {
  console.log(`\n${work.name}: ${work.title}`)
  console.log('\n  GB/s in this run (median, min..max), collections minor+major, growth of RSS at its peak')
  for (const each of result.contestants) {
    const { median, min, max, noisy } = each.gigabytesPerSecond
    const memory =
      each.rssGrowth === undefined
        ? ''
        : `gc ${each.minorCollections}+${each.majorCollections}  +${formatSize(each.rssGrowth)}`
    const label = each.variant ? `${each.name} (${formatSize(each.variant)})` : each.name
    console.log(
      `  ${pad(label)} ${fixed(median)}  ${fixed(min)} ..${fixed(max)} ${noisy ? 'noisy' : '     '}  ${memory}`
    )
  }
  for (const ours of new Set(result.ratios.map(each => each.ours))) {
    console.log(`\n  ${ours}, times the rate of (median of the rounds' ratios, min..max)`)
    for (const { against, median, min, max, noisy } of result.ratios.filter(each => each.ours === ours)) {
      console.log(
        `    ${pad(against)} ${fixed(median)}  ${fixed(min)} ..${fixed(max)} ${noisy ? 'noisy' : ''}`
      )
    }
  }
  if (result.goals.length) console.log('\n  goals')
  for (const goal of result.goals) console.log(`    ${goalLine(goal)}`)
}

function goalLine({ ours, against, figure, atLeast, atMost, aim, value, noisy, met, aimMet }) {
  const mark = met ? 'pass' : 'FAIL'
  if (figure) return `${mark}  ${ours}: ${figure} ${formatSize(value)} <= ${formatSize(atMost)}`
  const further = aim ? `; aim ${aim} ${aimMet ? 'met' : 'not met'}` : ''
  return `${mark}  ${ours} / ${against}: ${value.toFixed(2)} >= ${atLeast}${further}${noisy ? ' (noisy)' : ''}`
}

const pad = text => text.padEnd(48)
const fixed = number => number.toFixed(2).padStart(6)
