/** Results in words: for the terminal and for docs/performance.md alike. */
import { FIGURES, formatFigure, formatNumber, formatRate, formatSize } from './units.mjs'

/** What a goal asks for. */
export function goalInWords(
  { ours, against, called, atLeast, rateAtLeast, figure, atMost, notAbove, over },
  unit
) {
  if (against) {
    return `${ours} / ${called ?? against}: at least ${atLeast}`
  }
  if (rateAtLeast) return `${ours}: at least ${formatRate(rateAtLeast, unit)}`
  if (over) return `${ours}, over ${over}: at most ${atMost} ms`
  const { label } = FIGURES[figure]
  if (notAbove) return `${ours}: ${label}, no more than ${notAbove}`
  return `${ours}: ${label}, at most ${formatFigure(figure, atMost)}`
}

/** What was seen of it. */
export function seenInWords(goal, unit) {
  if (goal.failed) return `failed: ${goal.failed}`
  const noise = goal.noisy ? ', noisy' : ''
  const show = value => {
    if (goal.against) return formatNumber(value)
    if (goal.rateAtLeast) return formatRate(value, unit)
    if (goal.over) return formatFigure('time', value)
    return formatFigure(goal.figure, value)
  }
  const spread = goal.worst ? '' : ` (${show(goal.min)} .. ${show(goal.max)}${noise})`
  const best = goal.called ? ` against ${goal.best}` : ''
  const beside = goal.bound === undefined ? '' : ` beside ${show(goal.bound)}`
  return `${show(goal.value)}${beside}${goal.worst ? ' in the worst run' : spread}${best}`
}

/** A contestant with what its best was. */
export function nameInWords({ name, variant }) {
  return variant ? `${name} (${formatSize(variant)})` : name
}

export function machineInWords({ cpu, cores, memory, os, node, fileSystem }) {
  return `${cpu}, ${cores} cores, ${memory} of memory, ${os}, Node ${node}, ${fileSystem}`
}

/** How much of it others used. */
export function noiseInWords({ busy, othersBusy: { median, max } }) {
  const share = `other programs used ${percent(median)} of the machine between the runs, ${percent(max)} at most`
  return busy
    ? `noisy machine (${share}): these figures show nothing; measure again where nothing else runs`
    : share
}

const percent = share => `${Math.round(share * 100)} %`
