/**
 * Whether something grew: by its slope, not by its first and last value.
 *
 * The slope is the median of the slopes between all pairs of samples (Theil and Sen), so that the teeth of a collector's
 * saw and a single spike do not tilt it. Times the length of the run, that is how much it grew. Some of that is chance:
 * 5 % of the median, or half of the spread of the samples around the line, or a floor of its own are allowed, whichever
 * is most.
 */

export interface Growth {
  /** Of the samples: what is usual. */
  median: number
  /** What the slope comes to from the first sample to the last. */
  growth: number
  /** Growth that is taken for chance. */
  allowed: number
  grew: boolean
}

/**
 * @param points by time
 * @param floor growth that means nothing, whatever the samples are
 */
export function growthOf(points: readonly { at: number; value: number }[], floor: number): Growth {
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last || points.length < 3)
    throw new RangeError('three samples are the least to have a slope')
  const slopes: number[] = []
  for (const [i, a] of points.entries())
    for (const b of points.slice(i + 1)) slopes.push((b.value - a.value) / (b.at - a.at))
  const slope = quantile(slopes, 0.5)
  const around = points.map(({ at, value }) => value - slope * (at - first.at))
  const median = quantile(
    points.map(({ value }) => value),
    0.5
  )
  const spread = quantile(around, 0.9) - quantile(around, 0.1)
  const growth = slope * (last.at - first.at)
  const allowed = Math.max(floor, 0.05 * median, spread / 2)
  return { median, growth, allowed, grew: growth > allowed }
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN
}
