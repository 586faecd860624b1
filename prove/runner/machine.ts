/** What the figures depend on: no names of hosts, no paths. */
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** The machine in one line, as it stands under the tables. */
export function machineLine(): string {
  const cpu = cpus()[0]?.model.trim() || 'unknown processor'
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`
  return `${cpu}, ${availableParallelism()} cores, ${memory}, ${type()} ${release()} ${arch()}, Node ${process.version}`
}
