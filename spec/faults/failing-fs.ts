/** A file on a file system whose reads fail when they are told to: `failing-fs.c`, compiled and mounted. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from '../support/child.js'
import { tempFile, tempPath } from '../support/files.js'

export interface FailingFile {
  readonly path: string
  /** Let reads of `[offset, end)` fail with EIO; the kernel may have pages of it still. */
  fail(offset: number, end?: number): Promise<void>
  /** Let all reads succeed. */
  heal(): Promise<void>
  /** Have the kernel forget what it has read, mapped pages included. */
  forget(): Promise<void>
  unmount(): Promise<void>
}

let compiled: string | undefined

function compile(): string {
  if (compiled !== undefined) return compiled
  const program = tempPath('failing-fs')
  const source = join(root, 'spec/faults/failing-fs.c')
  const flags = ['-std=c11', '-O1', '-Wall', '-Wextra', '-Werror', '-pthread']
  const { status, stderr, error } = spawnSync(process.env.CC ?? 'cc', [...flags, source, '-o', program], {
    encoding: 'utf8'
  })
  if (status !== 0) throw new Error(`cannot compile failing-fs.c: ${error?.message ?? stderr}`)
  compiled = program
  return program
}

/**
 * Mount a file with this content.
 *
 * @param name of the folder it is mounted at, in the temporary folder
 * @throws {Error} where there is no compiler, no /dev/fuse, or no permission to mount; says which
 */
export async function mountFailing(name: string, content: Uint8Array): Promise<FailingFile> {
  const folder = tempPath(name)
  mkdirSync(folder, { recursive: true })
  const server = spawn(compile(), [folder, tempFile(`${name}-backing`, content)], {
    stdio: ['pipe', 'pipe', 'pipe']
  })
  let complaint = ''
  server.stderr.setEncoding('utf8').on('data', text => {
    complaint += text
  })
  const ended = new Promise<void>(resolve => server.once('close', () => resolve()))
  const lines = createInterface(server.stdout)[Symbol.asyncIterator]()
  const { value, done } = await lines.next()
  if (done || value !== 'mounted') throw new Error(`cannot mount a FUSE file system: ${complaint.trim()}`)
  const tell = async (line: string) => {
    server.stdin.write(`${line}\n`)
    const answer = await lines.next()
    if (answer.value !== 'ok') throw new Error(`failing-fs: ${complaint}`)
  }
  return {
    path: join(folder, 'file'),
    fail: (offset, end = Number.MAX_SAFE_INTEGER) => tell(`fail ${offset} ${end}`),
    heal: () => tell('heal'),
    forget: () => tell('forget'),
    async unmount() {
      server.stdin.end()
      await ended
    }
  }
}
