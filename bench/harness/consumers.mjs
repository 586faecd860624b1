import { ABSENT } from './units.mjs'

/** What every contestant does with a chunk: look for a byte that is not there. `bytes` counts what it has seen. */
export class Search {
  bytes = 0

  take(chunk) {
    this.bytes += chunk.length
    if (chunk.indexOf(ABSENT) !== -1) throw new Error('found the byte that is not there')
  }
}

/** Bytes seen by iterating. */
export async function iterate(stream) {
  const search = new Search()
  for await (const chunk of stream) search.take(chunk)
  return search.bytes
}

/** Bytes seen by a `'data'` handler. */
export function listen(stream) {
  const search = new Search()
  return new Promise((resolve, reject) => {
    stream.on('data', chunk => search.take(chunk))
    stream.on('error', reject)
    stream.on('end', () => resolve(search.bytes))
  })
}
