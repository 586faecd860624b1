/**
 * A program that gives one name to two files, in turn, as fast as it can: the first by its own name, the other by a
 * link. Arguments: the name, the first file, the other. Ends when its parent says so, or goes.
 */
import { linkSync, renameSync, symlinkSync } from 'node:fs'

const [name = '', first = '', other = ''] = process.argv.slice(2)

let going = true
for (const event of ['message', 'disconnect'] as const) {
  process.once(event, () => {
    going = false
    process.disconnect?.()
  })
}

let flips = 0
function flip(): void {
  for (let i = 0; i < 50; i++) {
    // Never nothing: a rename puts one in the place of the other.
    symlinkSync(other, `${name}.next`)
    renameSync(`${name}.next`, name)
    linkSync(first, `${name}.next`)
    renameSync(`${name}.next`, name)
    flips += 2
  }
  if (flips === 100) process.send?.('ready')
  if (going) setImmediate(flip)
}
flip()
