import type { Part } from '../part.js'
import { inWords, soak } from '../soak/soak.js'

/** The short form of `npm run soak`, which has 10,000 consumers and 1 TiB. */
export const part: Part = {
  name: 'soak',
  title: 'Many consumers on a small budget, for long',
  async run({ scale, seed, progress, signal }) {
    const consumers = Math.max(200, Math.min(10_000, Math.round(10_000 * scale)))
    const bytes = Math.max(4, 256 * scale) * 2 ** 30
    const result = await soak({ consumers, bytes, minutes: 0, seed, progress, signal })
    return [
      {
        claim: `With ${consumers.toLocaleString('en')} consumers at a time on 64 MiB, what each sees is right, and memory, mappings and descriptors do not grow.`,
        tried: result.tally.consumers,
        unit: 'consumers',
        result: inWords(result).join('; '),
        passed: result.passed
      }
    ]
  }
}
