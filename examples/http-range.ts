/**
 * Serve one file of any size over HTTP, ranges and conditions included, straight out of mapped windows.
 *
 *     npx tsx examples/http-range.ts FILE PORT
 *
 * However many clients there are and however slow they are, no more is mapped than the manager's limit: a window for
 * a client is mapped when the one before it has been sent.
 */
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type MappedFile, MapManager } from '../lib/index.js'
import { answerTo, type Representation } from './http/range.js'
import { command } from './support/command.js'

/** A server that is listening. */
export interface FileServer {
  readonly server: Server
  readonly manager: MapManager
  readonly url: string
  /** Stop listening, hang up on whoever is still there, and close the file. */
  close(): Promise<void>
}

/**
 * Serve a file.
 *
 * @param port 0 for any
 */
export async function serve(path: string, port: number): Promise<FileServer> {
  const manager = new MapManager({ maxMappedBytes: 64 * 2 ** 20, windowSize: 4 * 2 ** 20 })
  const file = await manager.open(path)
  const { mtime, mtimeMs, ino } = await stat(path)
  const what = {
    size: file.size,
    etag: `"${[ino, file.size, Math.round(mtimeMs)].map(part => part.toString(36)).join('-')}"`,
    modified: mtime
  }
  const server = createServer((request, response) => {
    // A client that hangs up, or a file that fails: the response has been destroyed, and there is nobody to tell.
    answer(file, what, request, response).catch(() => {})
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    server,
    manager,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections()
      server.close()
      await manager.close()
    }
  }
}

async function answer(
  file: MappedFile,
  what: Representation,
  { method = 'GET', headers }: IncomingMessage,
  response: ServerResponse
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end()
    return
  }
  response.setHeader('Accept-Ranges', 'bytes')
  response.setHeader('ETag', what.etag)
  response.setHeader('Last-Modified', what.modified.toUTCString())
  const answer = answerTo(method, headers, what)
  if (answer.status === 416) response.setHeader('Content-Range', `bytes */${what.size}`)
  if (!('start' in answer)) {
    response.writeHead(answer.status).end()
    return
  }
  const { status, start, end } = answer
  if (status === 206) response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${what.size}`)
  response.writeHead(status, { 'Content-Type': 'application/octet-stream', 'Content-Length': end - start })
  if (method === 'HEAD') response.end()
  // Lends the file's own pages to the socket, and goes on to the next when they have been sent.
  else await file.pipeTo(response, { start, end, chunkSize: 256 * 1024 })
}

async function main(path: string, port: string): Promise<void> {
  const { url } = await serve(path, Number(port))
  console.log(`serving ${path} at ${url}`)
}

await command(import.meta.url, 'usage: npx tsx examples/http-range.ts FILE PORT', main)
