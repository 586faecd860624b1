/** Bytes that are lent: a cursor's or a lease's. What is seen of them, and what has to be told of that. */
import { attempt, type Opened } from './excuses.js'
import { isCode, type Scene } from './scene.js'

export interface Lent {
  readonly of: Opened
  offset: number
  length: number
  /** Unmapped from outside, or given back. */
  gone: boolean
  /** The first zero in place of another byte that was seen, -1 for none. */
  blank: number
}

/** Look at them: they are what the file has held, or zeros where it was cut. */
export function lookAt(lent: Lent, bytes: () => Buffer): void {
  const { value, error } = attempt(bytes)
  if (value === undefined) {
    if (lent.gone && isCode(error, 'ERR_MAP_RELEASED')) return
    throw new Error(`its bytes have gone: ${String(error)}`)
  }
  if (lent.gone) throw new Error('its bytes are still there')
  if (value.length !== lent.length) throw new Error(`${value.length} bytes of ${lent.length}`)
  const { history, since } = lent.of
  const at = history.misfit(since, lent.offset, value, true)
  if (at >= 0) throw new Error(`the byte at ${at} is none that was there`)
  const blank = history.misfit(since, lent.offset, value, false)
  if (blank >= 0 && lent.blank < 0) lent.blank = blank
}

/** Zeros were seen in place of bytes, and what was lent is given back without a word. */
export function mustTell(scene: Scene, lent: Lent | undefined): void {
  if (lent === undefined || lent.gone || lent.blank < 0 || scene.ground.fake) return
  if (lent.of.history.now.length <= lent.blank) throw new Error(`zeros at ${lent.blank}, and no word of it`)
}
