import { once } from 'node:events'
import * as net from 'node:net'
import { type Session, Settling, type Target } from '../targets.js'

/** Written to a socket of this machine, one after the other or corked. */
export const sent: Target = {
  name: 'sockets',
  words: 'write() of TCP and Unix sockets, one after the other and corked',
  open: async ({ choose, path }) => await send(choose(2) === 0 ? path() : undefined, choose(2) === 0)
}

type TcpAddress = net.AddressInfo & net.TcpNetConnectOpts

/**
 * A pair of connected sockets; the far one does not read yet.
 *
 * @param path of a socket in the file system, which takes far less before it stalls; default TCP
 */
export async function connected(path?: string): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer({ pauseOnConnect: true })
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path })
  await once(server, 'listening')
  const near = net.connect(path === undefined ? (server.address() as TcpAddress) : { path })
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [net.Socket],
    unknown
  ]
  server.close()
  return [near, far]
}

async function send(path: string | undefined, corked: boolean): Promise<Session> {
  const [near, far] = await connected(path)
  const writes = new Settling<void>()
  if (corked) near.cork()
  return {
    give: bytes => writes.add(settled(done => near.write(bytes, done))),
    async end() {
      near.uncork()
      const output = all(far)
      // Not by end(): a stream never comes to its end where a chunk that waited has another length than when it came.
      await writes.all()
      near.destroy()
      return [await output]
    }
  }
}

/** What a callback in Node's way comes to. */
export function settled(start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start(error => (error ? reject(error) : resolve())))
}

/** All that comes out of a stream. */
export async function all(readable: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readable) chunks.push(chunk)
  return Buffer.concat(chunks)
}
