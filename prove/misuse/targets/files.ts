import * as fs from 'node:fs'
import { type FileHandle, open, readFile, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type Session, Settling, type Target, Unusable } from '../targets.js'
import { settled } from './sockets.js'

const write = promisify(fs.write)
const writev = promisify(fs.writev)
const writeFile = promisify(fs.writeFile)

type Give = (bytes: Buffer, position: number) => Promise<unknown>

/** Each starts its work before it returns, so that the next position is right without waiting. */
const ways: ((file: FileHandle, path: string) => Give)[] = [
  file => (bytes, position) => write(file.fd, bytes, 0, bytes.length, position),
  file => (bytes, position) => writev(file.fd, [bytes.subarray(0, 4096), bytes.subarray(4096)], position),
  file => (bytes, position) => file.write(bytes, 0, bytes.length, position),
  (_, path) => (bytes, position) => (position > 0 ? Promise.resolve() : writeFile(path, bytes)),
  (_, path) => (bytes, position) => (position > 0 ? Promise.resolve() : promised(path, bytes))
]

/** Node's writeFile() of promises finds that the buffer is gone, and says so. */
async function promised(path: string, bytes: Buffer): Promise<void> {
  try {
    await fs.promises.writeFile(path, bytes)
  } catch (cause) {
    throw new Unusable('it was not written', { cause })
  }
}

/** Written to a file of its own, in six ways. */
export const written: Target = {
  name: 'fs',
  words: 'fs.write(), fs.writev(), fs.writeFile(), FileHandle.write() and createWriteStream()',
  open: async ({ path, choose }) => {
    const way = ways[choose(ways.length + 1)]
    return way ? await one(path(), way) : streamed(path())
  }
}

async function one(path: string, way: (file: FileHandle, path: string) => Give): Promise<Session> {
  const file = await open(path, 'w')
  const give = way(file, path)
  const writes = new Settling<unknown>()
  let position = 0
  return {
    give(bytes) {
      writes.add(give(bytes, position))
      position += bytes.length
    },
    async end() {
      try {
        await writes.all()
        return [await readFile(path)]
      } finally {
        await file.close()
        await rm(path)
      }
    }
  }
}

/** All but the first chunk wait in the stream's buffer. */
function streamed(path: string): Session {
  const stream = fs.createWriteStream(path)
  const writes = new Settling<void>()
  return {
    give: bytes => writes.add(settled(done => stream.write(bytes, done))),
    async end() {
      // Not by end(): see the sockets.
      await writes.all()
      stream.destroy()
      const bytes = await readFile(path)
      await rm(path)
      return [bytes]
    }
  }
}
