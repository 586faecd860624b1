/** Files whose every word says where it is from, and the judge of what came out of a sink that was given some. */
import { Buffer } from 'node:buffer'

/** Bytes of a word: a letter for the file, seven hexadecimal digits for its place. All of it is ASCII. */
export const WORD = 8

const DIGITS = Buffer.from('0123456789abcdef')

/** What a sink was given, in words of its own file's. */
export interface Given {
  letter: string
  /** Bytes from the start of its file, a multiple of {@link WORD}. */
  offset: number
  /** What is there: the truth, and nobody's to take away. */
  truth: Buffer
}

/** What came out: all of it right, some of it zeros, some windows not there at all, or bytes that do not belong there. */
export type Verdict = 'whole' | 'zeros' | 'short' | 'foreign'

/** The content of the file with this letter. */
export function marked(letter: string, length: number): Buffer {
  const content = Buffer.allocUnsafeSlow(length)
  for (let at = 0; at < length; at += WORD) {
    content[at] = letter.charCodeAt(0)
    for (let digit = WORD - 1, left = at / WORD; digit > 0; digit--, left >>>= 4)
      content[at + digit] = DIGITS[left & 15] as number
  }
  return content
}

/**
 * Judge what came out: every byte is the right one or zero. Windows may be missing where they were gone before anybody
 * looked at them; what there is comes in its order.
 */
export function judge(output: Uint8Array, given: readonly Given[]): Verdict {
  const truth = given.length === 1 && given[0] ? given[0].truth : Buffer.concat(given.map(each => each.truth))
  const bytes = Buffer.from(output.buffer, output.byteOffset, output.byteLength)
  if (bytes.equals(truth)) return 'whole'
  if (bytes.length > truth.length || bytes.length % WORD !== 0) return 'foreign'
  let zeros = false
  // Where the word at hand belongs in `truth`; at least so far on, where zeros do not tell.
  let place = 0
  for (let at = 0; at < bytes.length; at += WORD, place += WORD) {
    if (bytes.readInt32LE(at) === 0 && bytes.readInt32LE(at + 4) === 0) zeros = true
    else if (!bytes.subarray(at, at + WORD).equals(truth.subarray(place, place + WORD))) {
      if (lacks(bytes, at, truth, place)) zeros = true
      else {
        place = placeOf(bytes.toString('latin1', at, at + WORD), given, place)
        if (place < 0) return 'foreign'
      }
    }
  }
  return zeros ? 'zeros' : 'short'
}

/** Whether each byte of a word is the right one or zero: its page went while it was read. */
function lacks(bytes: Buffer, at: number, truth: Buffer, place: number): boolean {
  for (let i = 0; i < WORD; i++) if (bytes[at + i] !== 0 && bytes[at + i] !== truth[place + i]) return false
  return true
}

/** Whether no byte of another file is among them: letters are capitals, digits are none. */
export function ofOneFile(output: Uint8Array, letter: string): boolean {
  const own = letter.charCodeAt(0)
  return output.every(byte => byte === own || byte < 0x41 || byte > 0x5a)
}

/** Where a word is in what was given, at `from` or after it; -1 where it was not given, or came out twice. */
function placeOf(word: string, given: readonly Given[], from: number): number {
  const offset = Number.parseInt(word.slice(1), 16) * WORD
  let before = 0
  for (const window of given) {
    const inside = offset - window.offset
    if (word[0] === window.letter && inside >= 0 && inside < window.truth.length && before + inside >= from)
      return before + inside
    before += window.truth.length
  }
  return -1
}
