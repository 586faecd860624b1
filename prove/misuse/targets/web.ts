import { Blob } from 'node:buffer'
import { StringDecoder } from 'node:string_decoder'
import type { Outcome, Session, Target } from '../targets.js'

export const blobs: Target = {
  name: 'Blob',
  words: 'new Blob(), its slices and streams, and new Response()',
  async open({ choose }): Promise<Session> {
    const given: (() => Promise<Uint8Array>)[] = []
    return {
      give(bytes) {
        const way = choose(4)
        if (way === 3) {
          const response = new Response(bytes)
          given.push(async () => new Uint8Array(await response.arrayBuffer()))
          return
        }
        const blob = new Blob([bytes])
        if (way === 0) given.push(async () => new Uint8Array(await blob.arrayBuffer()))
        if (way === 1) given.push(async () => new Uint8Array(await blob.slice(0, blob.size).arrayBuffer()))
        if (way === 2) given.push(async () => new Uint8Array(await new Response(blob.stream()).arrayBuffer()))
      },
      end: () => Promise.all(given.map(take => take()))
    }
  }
}

export const decoded: Target = {
  name: 'TextDecoder',
  words: 'write() of a TextDecoderStream, TextDecoder and StringDecoder in steps',
  async open({ choose }): Promise<Session> {
    const way = choose(4)
    if (way === 0) return stepping(new StringDecoder('utf8'))
    if (way === 1) {
      const decoder = new TextDecoder()
      return stepping({
        write: bytes => decoder.decode(bytes, { stream: true }),
        end: () => decoder.decode()
      })
    }
    return streaming()
  }
}

function stepping(decoder: { write(bytes: Buffer): string; end(): string }): Session {
  let text = ''
  return {
    give(bytes) {
      text += decoder.write(bytes)
    },
    end: async () => [Buffer.from(text + decoder.end())]
  }
}

function streaming(): Session {
  const { readable, writable } = new TextDecoderStream()
  const writer = writable.getWriter()
  const writes: Promise<void>[] = []
  return {
    give: bytes => void writes.push(writer.write(bytes)),
    async end(): Promise<Outcome[]> {
      writes.push(writer.close())
      let text = ''
      for await (const piece of readable) text += piece
      await Promise.all(writes)
      return [Buffer.from(text)]
    }
  }
}
