/** Where the runs of one figure lie further apart than this (max - min over the median), it is called noisy. */
export const NOISY = 0.25

/** `{ median, min, max, spread, noisy, values }` of one figure's runs. */
export function summarize(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  const min = sorted[0]
  const max = sorted.at(-1)
  const spread = median === 0 ? 0 : (max - min) / median
  return { median, min, max, spread, noisy: spread > NOISY, values }
}

/** Ratios within each round, then summarized: a slow minute of the machine weighs on both sides alike. */
export function ratio(ours, theirs) {
  return summarize(ours.map((value, round) => value / theirs[round]))
}
