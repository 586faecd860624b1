/**
 * A program that gives one name to two files, in turn, as fast as it can: the first by its own name, the other by a
 * link. Arguments: the name, the first file, the other. Ends when its parent lets go of it, or is gone.
 */
import { linkSync, renameSync, symlinkSync } from 'node:fs'

const [name = '', first = '', other = ''] = process.argv.slice(2)

let going = true
process.once('disconnect', () => {
  going = false
})

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
