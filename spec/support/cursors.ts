/** Cursors on files of a {@link FakeManager}, with windows of two pages. */
import { Cursor, type CursorView } from '../../lib/access/cursor.js'
import type { OpenFile } from '../../lib/manager/open-file.js'

export function cursorOn(file: OpenFile, view: Partial<CursorView> = {}): Cursor {
  return new Cursor({ file, base: 0, limit: Number.POSITIVE_INFINITY, windowSize: 32, keep: file, ...view })
}
