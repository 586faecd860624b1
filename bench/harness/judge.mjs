import { difference, isBusy, ratio, summarize } from './statistics.mjs'

/**
 * What the runs of a table came to: rates and figures of every contestant, ratios of each of ours to each limit and
 * peer, goals. Plain data, for JSON; all that is shown anywhere is made from it.
 *
 * Goals, each of one contestant of `ours`:
 * - `{ against, atLeast }`: ratio of rates, the median of the rounds' ratios. `against` may be a list,
 *   `called` so: the best of them
 * - `{ rateAtLeast }`: in a second, the median
 * - `{ figure, atMost, worst? }`: the median, or the worst run
 * - `{ figure, notAbove }`: the median, beside that of another contestant
 * - `{ over, atMost }`: milliseconds more than another contestant, the median of the rounds' differences
 *
 * One that is missed is a result like any other, except where it says `must`: that is a promise of slidemap's.
 */
export function judge(table, { runs, entered, failed, othersBusy }, fixture) {
  const perByte = table.unit ? (fixture.items ?? fixture.size) / fixture.size : 1
  const rates = new Map(
    [...runs].map(([name, list]) => [name, list.map(({ bytes, ns }) => (bytes / ns) * 1e9 * perByte)])
  )
  const contestants = entered.map(({ name, role, variant, at }) => {
    const own = runs.get(name)
    if (!own) return { name, role, failed: failed.get(name) }
    return {
      name,
      role,
      variant,
      at,
      rate: summarize(rates.get(name)),
      figures: {
        ...summarizeFigures(own.map(({ figures }) => figures ?? {})),
        time: summarize(own.map(({ ns }) => ns / 1e6))
      },
      series: own.at(-1).series
    }
  })
  const ratios = contestants
    .filter(({ role, name }) => role === 'ours' && rates.has(name))
    .flatMap(({ name: ours }) =>
      contestants
        .filter(({ role, name }) => ['limit', 'peer'].includes(role) && rates.has(name))
        .map(({ name }) => ({
          ours,
          against: name,
          ...withoutValues(ratio(rates.get(ours), rates.get(name)))
        }))
    )
  const names = new Set(entered.map(({ name }) => name))
  const judged = (table.goals ?? [])
    .map(goal => narrow(goal, names))
    .filter(goal => goal !== undefined)
    .map(goal => ({ ...goal, ...outcome(goal, { contestants, rates, runs, failed }) }))
  const { name, title, unit, metric, cold, chart, times } = table
  return {
    name,
    title,
    unit,
    metric,
    chart,
    times,
    ...(cold && { cold }),
    size: fixture.size,
    items: fixture.items,
    busy: isBusy(othersBusy),
    othersBusy: withoutValues(othersBusy),
    contestants,
    ratios,
    goals: judged
  }
}

/** The goal among those who have entered (`--only`, peers that cannot be had): undefined where nothing is left of it. */
function narrow(goal, names) {
  if (!names.has(goal.ours)) return undefined
  const others = [goal.against, goal.notAbove, goal.over].flat().filter(name => name !== undefined)
  const here = others.filter(name => names.has(name))
  if (others.length > 0 && here.length === 0) return undefined
  return Array.isArray(goal.against) ? { ...goal, against: here } : goal
}

function outcome(goal, { contestants, rates, runs, failed }) {
  const { ours, against, atLeast, rateAtLeast, figure, atMost, worst, notAbove, over } = goal
  const failure = [ours, notAbove, over, Array.isArray(against) ? undefined : against].find(name =>
    failed.has(name)
  )
  if (failure) return { met: false, failed: `${failure}: ${failed.get(failure)}` }
  const named = name => contestants.find(each => each.name === name)
  if (against) {
    const best = [against]
      .flat()
      .filter(name => rates.has(name))
      .sort((a, b) => named(b).rate.median - named(a).rate.median)[0]
    if (!best) return { met: false, failed: `${[against].flat().join(', ')}: all failed` }
    const result = ratio(rates.get(ours), rates.get(best))
    return { best, ...seen(result), met: result.median >= atLeast }
  }
  if (rateAtLeast) {
    const { rate } = named(ours)
    return { ...seen(rate), met: rate.median >= rateAtLeast }
  }
  if (over) {
    const times = name => runs.get(name).map(({ ns }) => ns / 1e6)
    const result = difference(times(ours), times(over))
    return { ...seen(result), met: result.median <= atMost }
  }
  const result = named(ours).figures[figure]
  const value = worst ? result.max : result.median
  const bound = notAbove ? named(notAbove).figures[figure].median : atMost
  return { ...seen(result), value, ...(notAbove && { bound }), met: value <= bound }
}

const seen = ({ median, min, max, noisy }) => ({ value: median, min, max, noisy })

function summarizeFigures(list) {
  const names = Object.keys(list[0])
  return Object.fromEntries(names.map(name => [name, withoutValues(summarize(list.map(each => each[name])))]))
}

function withoutValues({ values, ...rest }) {
  return rest
}
