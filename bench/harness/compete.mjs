// Alternating measurement: every contestant once a round, in an order that rotates, each run in a process of its
// own. mitata and tinybench repeat short functions in one heap; passes over a whole file take seconds and must not
// inherit each other's heaps, so neither fits here.
import { measureOthers } from './machine.mjs'
import { runOne } from './run-one.mjs'
import { summarize } from './statistics.mjs'
import { progress } from './work-file.mjs'

/**
 * Run `table` for `rounds` rounds. Answers
 * - `entered`: the contestants, each with the `variant` that it ran with. One with `variants` first runs heats
 * - `runs`: a Map of contestant name to its runs, one a round
 * - `failed`: a Map of contestant name to why it failed: it is out from then on, the others go on
 * - `othersBusy`: how much of the machine other programs used between the runs
 */
export async function compete(table, options) {
  const {
    rounds,
    fixture,
    limit,
    profile,
    run = runOne,
    measure = measureOthers,
    say = console.error
  } = options
  const start = contestant => run(table, contestant, { fixture, limit, profile })
  const failed = new Map()
  const fail = ({ name }, error) => {
    say(`${table.work}: ${name} FAILED: ${error.message}`)
    failed.set(name, error.message)
  }

  const entered = []
  for (const contestant of table.contestants) {
    try {
      const variant = contestant.variants && (await heats(contestant, start))
      entered.push({ ...contestant, variant })
    } catch (error) {
      entered.push(contestant)
      fail(contestant, error)
    }
  }

  const runs = new Map(entered.map(({ name }) => [name, []]))
  const others = []
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < entered.length; i++) {
      const contestant = entered[(round + i) % entered.length]
      if (failed.has(contestant.name)) continue
      progress(`${table.work}: round ${round + 1} of ${rounds}, ${contestant.name}`)
      others.push(await measure())
      try {
        runs.get(contestant.name).push(await start(contestant))
      } catch (error) {
        fail(contestant, error)
      }
    }
  }
  progress('')
  for (const name of failed.keys()) runs.delete(name)
  return { runs, entered, failed, othersBusy: summarize(others.length ? others : [0]) }
}

/** The variant that is fastest: each once, then the two best ones again. Chosen in the peer's favour. */
async function heats(contestant, start) {
  const best = new Map(contestant.variants.map(variant => [variant, Infinity]))
  const ranked = () => [...best].sort(([, a], [, b]) => a - b).map(([variant]) => variant)
  for (const candidates of [() => contestant.variants, () => ranked().slice(0, 2)]) {
    for (const variant of candidates()) {
      progress(`heats: ${contestant.name}, ${variant}`)
      const { ns } = await start({ ...contestant, variant })
      best.set(variant, Math.min(best.get(variant), ns))
    }
  }
  return ranked()[0]
}
