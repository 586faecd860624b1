/**
 * Bytes of whole lines into strings: one decode for many lines, then cuts of the text, which cost little.
 */
import { type Buffer, isAscii } from 'node:buffer'
import type { Line, LineEncoding, LinePlan } from './line-plan.js'

/** Lines, by what was asked for; all of one kind. */
export type LineBatch = string[] | Line[]

/** Whole lines: `[from, to)` of `bytes`, of which the first byte is at `offset` in the sequence. */
export interface Piece {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
  readonly offset: number
  /** Whether it ends with a delimiter; the last line of a file may not. */
  readonly delimited: boolean
}

/** The lines of a piece. Text and bytes split alike: no delimiter is part of another character, or made of broken ones. */
export function decodeLines(plan: LinePlan, piece: Piece): LineBatch {
  const end = piece.delimited ? piece.to - plan.delimiter.length : piece.to
  const text = decode(plan.encoding, piece.bytes.subarray(piece.from, end))
  const lines = text.split(plan.delimiterText)
  if (plan.offsets) return locate(plan, piece, lines, text.length)
  if (plan.keepDelimiter) return keepDelimiters(plan, piece, lines)
  if (plan.stripReturn && text.includes('\r')) stripReturns(piece, lines)
  return lines
}

/** Most text is ASCII, which is faster to tell than to decode. */
function decode(encoding: LineEncoding, bytes: Buffer): string {
  return bytes.toString(encoding === 'utf8' && isAscii(bytes) ? 'latin1' : encoding)
}

/** How many of these lines had a delimiter. */
function delimited({ delimited }: Piece, lines: string[]): number {
  return delimited ? lines.length : lines.length - 1
}

function stripReturns(piece: Piece, lines: string[]): void {
  for (let i = delimited(piece, lines) - 1; i >= 0; i--) {
    const line = lines[i] as string
    if (endsWithReturn(line)) lines[i] = line.slice(0, -1)
  }
}

function keepDelimiters(plan: LinePlan, piece: Piece, lines: string[]): string[] {
  for (let i = delimited(piece, lines) - 1; i >= 0; i--) lines[i] += plan.delimiterText
  return lines
}

function locate(plan: LinePlan, piece: Piece, lines: string[], characters: number): Line[] {
  const { delimiter, delimiterText, stripReturn, keepDelimiter } = plan
  const ended = delimited(piece, lines)
  const width = bytesPerCharacter(plan, piece, characters)
  let at = piece.from
  return lines.map((text, i) => {
    const from = at
    const isEnded = i < ended
    const to = width > 0 ? from + text.length * width : endOf(plan, piece, from, isEnded)
    at = to + delimiter.length
    const offset = piece.offset + from
    if (isEnded && keepDelimiter) return { line: text + delimiterText, offset, length: at - from }
    if (isEnded && stripReturn && endsWithReturn(text)) {
      const unit = plan.encoding === 'utf16le' ? 2 : 1
      return { line: text.slice(0, -1), offset, length: to - from - unit }
    }
    return { line: text, offset, length: to - from }
  })
}

/** 0 where it differs. In UTF-8, no character is longer than its bytes: as many of both means a byte each. */
function bytesPerCharacter({ encoding, delimiter }: LinePlan, piece: Piece, characters: number): number {
  if (encoding === 'utf16le') return (piece.to - piece.from) % 2 === 0 ? 2 : 0
  const bytes = piece.to - piece.from - (piece.delimited ? delimiter.length : 0)
  return bytes === characters ? 1 : 0
}

/** Where the text of the line that begins at `from` ends. */
function endOf({ delimiter }: LinePlan, { bytes, to, offset }: Piece, from: number, ended: boolean): number {
  return ended ? delimiter.find(bytes, from, offset) : to
}

function endsWithReturn(line: string): boolean {
  return line.charCodeAt(line.length - 1) === 13
}
