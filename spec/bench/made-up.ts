/** Results that nobody has measured, to see what is made of results. */
import { judge } from '../../bench/harness/judge.mjs'
import { summarize } from '../../bench/harness/statistics.mjs'

const MiB = 2 ** 20

const machine = {
  cpu: 'Made-up CPU',
  cores: 2,
  memory: '8 GiB',
  os: 'Made-up OS 1 x64',
  node: 'v20.0.0',
  fileSystem: 'ext4',
  load: 0
}

const head = { date: '2001-02-03T04:05:06.789Z', machine, rounds: 5, seconds: 1 }

/** Rounds of one second each, in gigabytes a second. */
const rounds = (rates: number[], rssGrowth: number, collections: number) =>
  rates.map(rate => ({
    bytes: rate * 1e9,
    ns: 1e9,
    figures: { rssGrowth, collections, cpuPerGiB: 1 / rate }
  }))

/** A work like `scan`, on a quiet machine: one goal met, one missed, one contestant that failed. */
export const quiet = {
  work: 'scan',
  ...head,
  tables: [
    judge(
      {
        name: 'scan',
        title: 'look for what is not there',
        chart: { kind: 'rates', title: 'Made up' },
        goals: [
          { ours: 'leased windows', against: 'createReadStream, best', atLeast: 4 },
          { ours: 'leased windows', figure: 'rssGrowth', atMost: 40 * MiB, worst: true },
          { ours: 'leased windows', against: 'mmap-io', atLeast: 1 }
        ]
      },
      {
        entered: [
          { name: 'leased windows', role: 'ours' },
          { name: 'createReadStream, best', role: 'peer', variant: MiB },
          { name: 'mmap-io', role: 'peer' }
        ],
        runs: new Map([
          ['leased windows', rounds([9.5, 10, 10.5, 10, 10], 48 * MiB, 0)],
          ['createReadStream, best', rounds([1, 2, 3, 2, 2], 4 * MiB, 20)]
        ]),
        failed: new Map([['mmap-io', 'ended with SIGBUS']]),
        othersBusy: summarize([0, 0.02, 0.04])
      },
      { size: 2 ** 32 }
    )
  ]
}

const series = [
  { ms: 0, mapped: 0, rss: 50 * MiB },
  { ms: 5, mapped: 32 * MiB, rss: 82 * MiB },
  { ms: 10, mapped: 0, rss: 50 * MiB }
]

/** A work like `memory`, on a noisy machine. */
export const noisy = {
  work: 'memory',
  ...head,
  tables: [
    judge(
      {
        name: 'memory',
        title: 'memory over time',
        metric: ['rssGrowth', 'sampledMapped'],
        chart: { kind: 'memory', title: 'Made up', contestants: ['leased windows'], limit: 64 * MiB },
        goals: [{ ours: 'leased windows', figure: 'sampledMapped', atMost: 64 * MiB, worst: true }]
      },
      {
        entered: [{ name: 'leased windows', role: 'ours' }],
        runs: new Map([
          [
            'leased windows',
            [{ bytes: 1, ns: 1, figures: { rssGrowth: 32 * MiB, sampledMapped: 32 * MiB }, series }]
          ]
        ]),
        failed: new Map(),
        othersBusy: summarize([0.4, 0.5, 0.6])
      },
      { size: 2 ** 30 }
    )
  ]
}
