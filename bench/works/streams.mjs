import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { iterate, listen, Search } from '../harness/consumers.mjs'
import { asBuffer, readStream, SIZES, webStream } from '../harness/peers.mjs'
import { scanWindows, withFile } from '../harness/slidemap.mjs'
import { KiB } from '../harness/units.mjs'

/** Bytes seen by a Writable at the end of a pipe. */
async function pipe(stream) {
  const search = new Search()
  const write = (chunk, _encoding, done) => done(search.take(chunk))
  await pipeline(stream, new Writable({ write }))
  return search.bytes
}

/** Bytes seen by a Writable that is lent chunks. */
async function pipeTo(file) {
  const search = new Search()
  const write = (chunk, _encoding, done) => done(search.take(chunk))
  await file.pipeTo(new Writable({ write }))
  return search.bytes
}

/** Bytes seen by a default reader. */
async function readWeb(stream) {
  const search = new Search()
  for await (const chunk of stream) search.take(asBuffer(chunk))
  return search.bytes
}

/** Bytes seen by a BYOB reader that fills one buffer of 64 KiB again and again. */
async function readByob(stream) {
  const search = new Search()
  const reader = stream.getReader({ mode: 'byob' })
  for (let view = new Uint8Array(64 * KiB); ; ) {
    const { done, value } = await reader.read(view)
    if (done) return search.bytes
    search.take(asBuffer(value))
    view = new Uint8Array(value.buffer)
  }
}

const leased = { lifetime: 'leased' }

export default {
  title: 'the same search, through streams of 64 KiB chunks and the three ways to consume one',
  chart: { kind: 'rates', title: 'Streams of 64 KiB chunks' },
  contestants: [
    { name: 'C whole-file map', role: 'limit', mode: 'whole' },
    { name: 'leased windows', role: 'limit', prepare: withFile(scanWindows) },
    { name: 'copied, for await', role: 'ours', prepare: withFile(file => iterate(file.stream())) },
    { name: "copied, 'data'", role: 'ours', prepare: withFile(file => listen(file.stream())) },
    { name: 'copied, pipe', role: 'ours', prepare: withFile(file => pipe(file.stream())) },
    { name: 'leased, for await', role: 'ours', prepare: withFile(file => iterate(file.stream(leased))) },
    { name: "leased, 'data'", role: 'ours', prepare: withFile(file => listen(file.stream(leased))) },
    { name: 'leased, pipe', role: 'ours', prepare: withFile(file => pipe(file.stream(leased))) },
    { name: 'pipeTo, lent', role: 'ours', prepare: withFile(pipeTo) },
    { name: 'nodeStream, for await', role: 'ours', prepare: withFile(file => iterate(file.nodeStream())) },
    { name: "nodeStream, 'data'", role: 'ours', prepare: withFile(file => listen(file.nodeStream())) },
    { name: 'nodeStream, pipe', role: 'ours', prepare: withFile(file => pipe(file.nodeStream())) },
    { name: 'webStream, for await', role: 'ours', prepare: withFile(file => readWeb(file.webStream())) },
    { name: 'webStream, BYOB', role: 'ours', prepare: withFile(file => readByob(file.webStream())) },
    { name: 'createReadStream, default, for await', role: 'peer', prepare: readStream(iterate) },
    { name: "createReadStream, default, 'data'", role: 'peer', prepare: readStream(listen) },
    { name: 'createReadStream, default, pipe', role: 'peer', prepare: readStream(pipe) },
    {
      name: 'createReadStream, best, for await',
      role: 'peer',
      variants: SIZES,
      prepare: readStream(iterate)
    },
    { name: "createReadStream, best, 'data'", role: 'peer', variants: SIZES, prepare: readStream(listen) },
    { name: 'createReadStream, best, pipe', role: 'peer', variants: SIZES, prepare: readStream(pipe) },
    { name: 'readableWebStream', role: 'peer', prepare: () => webStream }
  ],
  goals: [
    ...['for await', "'data'", 'pipe'].flatMap(way => [
      { ours: `copied, ${way}`, against: `createReadStream, default, ${way}`, atLeast: 8 },
      { ours: `copied, ${way}`, against: `createReadStream, best, ${way}`, atLeast: 1.3 }
    ]),
    { ours: 'leased, for await', against: 'leased windows', atLeast: 0.75 },
    { ours: "leased, 'data'", against: 'leased windows', atLeast: 0.75 },
    { ours: 'pipeTo, lent', against: 'leased windows', atLeast: 0.75 }
  ]
}
