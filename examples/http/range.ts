/**
 * The part of HTTP that decides which bytes of a representation a request gets: RFC 9110, sections 13 and 14.
 */
import type { IncomingHttpHeaders } from 'node:http'

/** What is served, and how to tell one state of it from another. */
export interface Representation {
  /** Bytes. */
  readonly size: number
  /** A strong entity tag, quotes included. */
  readonly etag: string
  readonly modified: Date
}

/** What to answer; bytes `[start, end)` where there is a body. */
export type Answer =
  | { status: 200 | 206; start: number; end: number }
  | { status: 304 | 412 }
  /** The range asked for lies past the end. */
  | { status: 416 }

/** What a GET or HEAD request with these headers is answered. */
export function answerTo(method: string, headers: IncomingHttpHeaders, what: Representation): Answer {
  const failed = precondition(headers, what)
  if (failed !== undefined) return { status: failed }
  const whole: Answer = { status: 200, start: 0, end: what.size }
  // Ranges are defined for GET alone.
  if (method !== 'GET' || headers.range === undefined || !mayBeRange(headers, what)) return whole
  return rangeOf(headers.range, what.size) ?? whole
}

/** Section 13.2.2: the first of these that is there decides. */
function precondition(headers: IncomingHttpHeaders, what: Representation): 304 | 412 | undefined {
  const match = headers['if-match']
  if (match !== undefined) {
    if (!matches(match, what, isStrong)) return 412
  } else if (isAfter(what, headers['if-unmodified-since'])) return 412
  const noneMatch = headers['if-none-match']
  if (noneMatch !== undefined) return matches(noneMatch, what, () => true) ? 304 : undefined
  return isAfter(what, headers['if-modified-since']) === false ? 304 : undefined
}

/** Section 13.1.5: a client that has a part of another state must get the whole of this one. */
function mayBeRange(headers: IncomingHttpHeaders, what: Representation): boolean {
  const condition = headers['if-range']
  if (condition === undefined) return true
  const text = String(condition)
  if (text.startsWith('"') || text.startsWith('W/')) return text === what.etag
  return Date.parse(text) === seconds(what.modified)
}

/** Section 14: one range, in any of its three forms. Undefined for what a server may ignore: the whole is the answer. */
function rangeOf(header: string, size: number): Answer | undefined {
  const parts = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header)
  const [, first = '', last = ''] = parts ?? []
  if (!parts || (first === '' && last === '')) return undefined
  // Of a suffix, as much as there is; past the end, up to the end.
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size)
  if (first !== '' && last !== '' && Number(last) < start) return undefined
  return start < size ? { status: 206, start, end } : { status: 416 }
}

function matches(list: string, { etag }: Representation, allow: (tag: string) => boolean): boolean {
  if (list.trim() === '*') return true
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? []
  return tags.some(tag => allow(tag) && tag.replace(/^W\//, '') === etag)
}

const isStrong = (tag: string) => !tag.startsWith('W/')

/** Whether it was modified after a date; undefined where there is no such date. */
function isAfter(what: Representation, date: string | undefined): boolean | undefined {
  const time = Date.parse(date ?? '')
  return Number.isNaN(time) ? undefined : seconds(what.modified) > time
}

/** Dates of HTTP have no milliseconds. */
function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000
}
