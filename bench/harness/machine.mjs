import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { formatSize, GiB } from './units.mjs'

/** What the figures depend on; part of every result. */
export function describeMachine(folder) {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memory: formatSize(os.totalmem()),
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    fileSystem: fileSystemOf(folder),
    load: Number(os.loadavg()[0].toFixed(2))
  }
}

/** How much of the machine others use just now, 0 to 1: measured between two runs, when this one uses none of it. */
export async function measureOthers() {
  const before = cpuTimes()
  await setTimeout(100)
  const after = cpuTimes()
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all)
}

function cpuTimes() {
  const times = os.cpus().map(cpu => cpu.times)
  const idle = times.reduce((sum, each) => sum + each.idle, 0)
  return {
    idle,
    all: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0)
  }
}

/** Refuse work that would swap or fill the disk: its figures would mean nothing. */
export function checkRoom(folder, bytes) {
  const { bavail, bsize } = fs.statfsSync(folder)
  if (bavail * bsize < bytes + GiB) {
    throw new Error(
      `${folder} has ${formatSize(bavail * bsize)} free, the work file needs ${formatSize(bytes)} and 1 GiB to spare: try --size 1GiB or another TMPDIR`
    )
  }
  const memory = availableMemory()
  if (memory < bytes + 2 * GiB) {
    throw new Error(
      `${formatSize(memory)} of memory are available, the work file must stay in the page cache and needs ${formatSize(bytes)} and 2 GiB to spare: try --size 1GiB`
    )
  }
}

function availableMemory() {
  try {
    return Number(/MemAvailable:\s+(\d+) kB/.exec(fs.readFileSync('/proc/meminfo', 'latin1'))[1]) * 1024
  } catch {
    return os.freemem()
  }
}

function fileSystemOf(folder) {
  try {
    return execFileSync('df', ['-PT', folder], { encoding: 'utf8' }).trim().split('\n')[1].split(/\s+/)[1]
  } catch {
    return 'unknown file system'
  }
}
