import { randomFill } from 'node:crypto'
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { type Outcome, type Session, Settling, type Target } from '../targets.js'

const fill = promisify<Uint8Array, Uint8Array>(randomFill)
const read = promisify(fs.read)

/** The other way round: leased bytes to be written into. What is held meanwhile must stay as it is. */
export const filled: Target = {
  name: 'late writers',
  words: 'randomFill() and fs.read(), which write into them',
  promise: 'the bytes of all other windows stay right',
  async open({ choose }): Promise<Session> {
    const zero = fs.openSync('/dev/zero', 'r')
    const given = new Settling<unknown>()
    return {
      give: bytes => void given.add(choose(2) === 0 ? fill(bytes) : read(zero, bytes, 0, bytes.length, null)),
      async end(): Promise<Outcome[]> {
        try {
          await given.all()
          return []
        } finally {
          fs.closeSync(zero)
        }
      }
    }
  }
}
