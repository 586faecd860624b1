// Cuts files short as it is told on stdin, a line each, and answers each with one byte.
import { truncateSync } from 'node:fs'
import { createInterface } from 'node:readline'

for await (const line of createInterface({ input: process.stdin })) {
  const { path, size, was, regrow, delay } = JSON.parse(line)
  const end = process.hrtime.bigint() + BigInt(delay)
  while (process.hrtime.bigint() < end);
  truncateSync(path, size)
  if (regrow) truncateSync(path, was)
  process.stdout.write('.')
}
