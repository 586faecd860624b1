/** Where the runs of one figure lie further apart than this (max - min over the median), it is called noisy. */
export const NOISY = 0.25

/** Where others use more of the machine than this between the runs, every figure is in doubt. */
export const BUSY = 0.1

/** `{ median, min, max, spread, noisy, values }` of one figure's runs. */
export function summarize(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  const min = sorted[0]
  const max = sorted.at(-1)
  const spread = median === 0 ? 0 : (max - min) / Math.abs(median)
  return { median, min, max, spread, noisy: spread > NOISY, values }
}

/** Ratios within each round, then summarized: a slow minute of the machine weighs on both sides alike. */
export function ratio(ours, theirs) {
  return summarize(ours.map((value, round) => value / theirs[round]))
}

/** Differences within each round, then summarized. */
export function difference(ours, theirs) {
  return summarize(ours.map((value, round) => value - theirs[round]))
}

/** Whether others used so much of the machine that nothing measured meanwhile may be quoted. */
export function isBusy(othersBusy) {
  return othersBusy.median > BUSY
}
