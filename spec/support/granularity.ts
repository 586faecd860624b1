import { chooseMapper } from '../../lib/mapping/choose.js'

/** What windows are multiples of at the least, in bytes: a page on Linux, more on Windows and on Apple's processors. */
export const granularity = Math.max(4096, chooseMapper('auto', () => {}).granularity)
