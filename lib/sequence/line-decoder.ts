/**
 * Bytes of whole lines into strings: one decode for many lines, then cuts of the text, which cost little.
 */
import { type Buffer, isAscii } from 'node:buffer'
import type { Line, LineEncoding, LinePlan } from './line-plan.js'

/** Lines, by what was asked for; all of one kind. */
export type LineBatch = string[] | Line[]

/** Whole lines. */
export interface Piece {
  /** Them, with their delimiters. */
  readonly bytes: Buffer
  /** Where they begin in the sequence. */
  readonly offset: number
  /** Whether the last of them has a delimiter; that of a file may have none. */
  readonly delimited: boolean
}

/** The lines of a piece. */
export function decodeLines(plan: LinePlan, piece: Piece): LineBatch {
  const text = decode(plan.encoding, piece.bytes)
  // As many characters as bytes: places in the one are places in the other.
  const scans = plan.scan !== undefined && text.length === piece.bytes.length
  if (plan.offsets)
    return scans ? scanLocated(plan, piece, text) : locate(plan, piece, split(plan, piece, text))
  if (scans) return scanLines(plan, piece, text)
  const lines = split(plan, piece, text)
  if (plan.keepDelimiter) keepDelimiters(plan, piece, lines)
  else if (plan.stripReturn && text.includes('\r')) stripReturns(piece, lines)
  return lines
}

/** Most text is ASCII, which is faster to tell than to decode. */
function decode(encoding: LineEncoding, bytes: Buffer): string {
  return bytes.toString(encoding === 'utf8' && isAscii(bytes) ? 'latin1' : encoding)
}

/* ---- cut where delimiters are in the bytes ---- */

/** Where the delimiters are: so many of `plan.positions`. */
function scan(plan: LinePlan, { bytes }: Piece): number {
  return plan.scan?.(bytes, plan.delimiter.bytes, plan.positions) ?? 0
}

/** Where a line goes to that begins at `from` and has its delimiter at `at`. */
function endOf(plan: LinePlan, bytes: Buffer, from: number, at: number): number {
  if (plan.keepDelimiter) return at + plan.delimiter.length
  return plan.stripReturn && at > from && bytes[at - 1] === 13 ? at - 1 : at
}

function scanLines(plan: LinePlan, piece: Piece, text: string): string[] {
  const { positions, delimiter } = plan
  const count = scan(plan, piece)
  const lines = new Array<string>(piece.delimited ? count : count + 1)
  let from = 0
  // Lines without returns are the rule, and need no look at how each of them ends.
  const plain = !plan.keepDelimiter && !(plan.stripReturn && text.includes('\r'))
  for (let i = 0; i < count; i++) {
    const at = positions[i] as number
    lines[i] = text.substring(from, plain ? at : endOf(plan, piece.bytes, from, at))
    from = at + delimiter.length
  }
  if (!piece.delimited) lines[count] = text.substring(from)
  return lines
}

function scanLocated(plan: LinePlan, piece: Piece, text: string): Line[] {
  const { positions, delimiter } = plan
  const count = scan(plan, piece)
  const lines = new Array<Line>(piece.delimited ? count : count + 1)
  let from = 0
  for (let i = 0; i < count; i++) {
    const at = positions[i] as number
    const to = endOf(plan, piece.bytes, from, at)
    lines[i] = { line: text.substring(from, to), offset: piece.offset + from, length: to - from }
    from = at + delimiter.length
  }
  if (!piece.delimited)
    lines[count] = { line: text.substring(from), offset: piece.offset + from, length: text.length - from }
  return lines
}

/* ---- cut where delimiters are in the text, which is the same: none is made of parts of characters, or broken ones ---- */

function split(plan: LinePlan, piece: Piece, text: string): string[] {
  const lines = text.split(plan.delimiterText)
  if (piece.delimited) lines.pop()
  return lines
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

function keepDelimiters(plan: LinePlan, piece: Piece, lines: string[]): void {
  for (let i = delimited(piece, lines) - 1; i >= 0; i--) lines[i] += plan.delimiterText
}

function locate(plan: LinePlan, piece: Piece, lines: string[]): Line[] {
  const { delimiter, delimiterText, stripReturn, keepDelimiter, encoding } = plan
  const { bytes, offset } = piece
  const ended = delimited(piece, lines)
  let at = 0
  return lines.map((line, i) => {
    const from = at
    const to = i < ended ? delimiter.find(bytes, from, offset) : bytes.length
    at = to + delimiter.length
    if (i < ended && keepDelimiter)
      return { line: line + delimiterText, offset: offset + from, length: at - from }
    if (i < ended && stripReturn && endsWithReturn(line)) {
      const length = to - from - (encoding === 'utf16le' ? 2 : 1)
      return { line: line.slice(0, -1), offset: offset + from, length }
    }
    return { line, offset: offset + from, length: to - from }
  })
}

function endsWithReturn(line: string): boolean {
  return line.charCodeAt(line.length - 1) === 13
}
