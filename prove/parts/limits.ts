import type { Part } from '../part.js'
import { specRow } from '../support/spec-row.js'

/** Each limit is reached for real, in a process of its own. */
export const part: Part = {
  name: 'limits',
  title: 'Limits of the OS',
  async run(proof) {
    const specs = ['spec/faults/os-limits.spec.ts', 'spec/manager/handle-limit.spec.ts']
    const rounds = Math.max(1, Math.floor(proof.scale))
    const rows = []
    for (let round = 0; round < rounds; round++) {
      // The short form leaves out the tens of thousands of mappings.
      const env: Record<string, string> = proof.scale < 0.5 ? {} : { SLIDEMAP_LONG: '1' }
      rows.push(
        await specRow(proof, {
          claim:
            '`ulimit -n 24`, `ulimit -v` small, `vm.max_map_count` reached: what nobody uses makes room, else the error says what to do, and the manager goes on.',
          unit: 'specs, each in a process under the limit',
          specs,
          env
        })
      )
      proof.progress((round + 1) / rounds)
    }
    const [row] = rows.filter(({ passed }) => !passed).concat(rows)
    return row === undefined ? [] : [{ ...row, tried: rows.reduce((sum, { tried }) => sum + tried, 0) }]
  }
}
