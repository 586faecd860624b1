/**
 * Check the packs of a git repository, however many there are, as one sequence: each is opened when its turn comes, its
 * objects are counted from its header, and its SHA-1 compared to the trailer as it passes. Then git is asked the same.
 *
 *     npx tsx examples/concat-packs.ts [REPOSITORY]
 *
 * Without a repository it makes one of 24 packs, and removes it.
 */
import { execFileSync } from 'node:child_process'
import { createHash, type Hash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Concatenation, concat } from '../lib/index.js'
import { command } from './support/command.js'

/** What ends a pack: the SHA-1 of all before it. */
const TRAILER = 20

export interface Pack {
  readonly path: string
  readonly bytes: number
  /** As its header says. */
  readonly objects: number
  /** Whether its trailer is the SHA-1 of what comes before it. */
  readonly whole: boolean
}

/** One pack as its windows pass. */
class PackReader {
  readonly #path: string
  readonly #hash: Hash = createHash('sha1')
  /** The last bytes seen, which may be the trailer: copied, since the window they are of goes. */
  #tail = Buffer.alloc(0)
  #bytes = 0
  #objects = 0

  constructor(path: string) {
    this.#path = path
  }

  add(bytes: Buffer): void {
    if (this.#bytes === 0) this.#objects = countOf(bytes, this.#path)
    this.#bytes += bytes.length
    if (bytes.length >= TRAILER) {
      this.#hash.update(this.#tail).update(bytes.subarray(0, -TRAILER))
      this.#tail = Buffer.from(bytes.subarray(-TRAILER))
    } else {
      const tail = Buffer.concat([this.#tail, bytes])
      this.#hash.update(tail.subarray(0, Math.max(0, tail.length - TRAILER)))
      this.#tail = tail.subarray(-TRAILER)
    }
  }

  end(): Pack {
    const whole = this.#hash.digest().equals(this.#tail)
    return { path: this.#path, bytes: this.#bytes, objects: this.#objects, whole }
  }
}

/** `PACK`, the version, and how many objects follow: the first 12 bytes. */
function countOf(bytes: Buffer, path: string): number {
  if (bytes.length < 12 || bytes.toString('latin1', 0, 4) !== 'PACK') throw new Error(`${path} is no pack`)
  return bytes.readUInt32BE(8)
}

/** The packs of a sequence of packs, each as soon as it has passed. */
export async function* packsOf(sequence: Concatenation<string>): AsyncGenerator<Pack> {
  let reader: PackReader | undefined
  for await (const { source, sourceOffset, bytes } of sequence.windows()) {
    // Windows never cross files, so a pack begins with a window.
    if (sourceOffset === 0) {
      if (reader) yield reader.end()
      reader = new PackReader(source)
    }
    reader?.add(bytes)
  }
  if (reader) yield reader.end()
}

/** The paths of a repository's packs, as they are asked for. */
function* packPaths(repository: string): Generator<string> {
  const folder = git(repository, 'rev-parse', '--git-path', 'objects/pack').trim()
  const names = readdirSync(join(repository, folder)).filter(name => name.endsWith('.pack'))
  for (const name of names.sort()) yield join(repository, folder, name)
}

function git(repository: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: repository, encoding: 'utf8', maxBuffer: 2 ** 28 })
}

/** Make a repository of so many packs: git begins a new one at each checkpoint. */
export function buildRepository(repository: string, packs: number): void {
  git(repository, 'init', '--quiet', '.')
  const stream: Buffer[] = []
  for (let pack = 0; pack < packs; pack++) {
    stream.push(commit(pack))
    for (let file = 0; file <= pack; file++) stream.push(inline(`${pack}/${file}`, noise(pack, file)))
    stream.push(Buffer.from('\ncheckpoint\n\n'))
  }
  const args = ['-c', 'fastimport.unpackLimit=0', 'fast-import', '--quiet']
  execFileSync('git', args, { cwd: repository, input: Buffer.concat(stream) })
}

function commit(number: number): Buffer {
  const message = `pack ${number}`
  const author = `A U Thor <author@example.com> ${1_700_000_000 + number} +0000`
  return Buffer.from(
    `commit refs/heads/main\ncommitter ${author}\ndata ${message.length}\n${message}\n` +
      (number > 0 ? 'from refs/heads/main^0\n' : '')
  )
}

function inline(path: string, content: Buffer): Buffer {
  const head = `M 644 inline ${path}\ndata ${content.length}\n`
  return Buffer.concat([Buffer.from(head), content, Buffer.from('\n')])
}

/** Content that no compression makes smaller: some kilobytes, and in every eighth pack a megabyte more. */
function noise(pack: number, file: number): Buffer {
  const blocks = 50 + 7 * file + (pack % 8 === 3 && file === 0 ? 50_000 : 0)
  const digests = Array.from({ length: blocks }, (_, i) =>
    createHash('sha1').update(`${pack} ${file} ${i}`).digest()
  )
  return Buffer.concat(digests)
}

/** What `git count-objects -v` and `git verify-pack` say of a repository. */
function askGit(repository: string): { packs: number; objects: number; verified: number } {
  const counts = git(repository, 'count-objects', '-v')
  const count = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(counts)?.[1])
  const verified = git(repository, 'verify-pack', '-v', ...packPaths(repository))
  return {
    packs: count('packs'),
    objects: count('in-pack'),
    verified: [...verified.matchAll(/^[0-9a-f]{40} /gm)].length
  }
}

export async function main(repository: string): Promise<boolean> {
  const sequence = concat(packPaths(repository))
  const sum = { packs: 0, objects: 0, broken: 0 }
  try {
    for await (const { path, objects, bytes, whole } of packsOf(sequence)) {
      console.log(`${basename(path)}  ${objects} objects  ${bytes} bytes  ${whole ? 'whole' : 'BROKEN'}`)
      sum.packs++
      sum.objects += objects
      if (!whole) sum.broken++
    }
  } finally {
    await sequence.close()
  }
  console.log(`slidemap          ${sum.packs} packs, ${sum.objects} objects, ${sum.broken} broken`)
  if (sum.broken > 0) return false
  const { packs, objects, verified } = askGit(repository)
  console.log(`git count-objects ${packs} packs, ${objects} objects`)
  console.log(`git verify-pack   ${verified} objects`)
  return packs === sum.packs && objects === sum.objects && verified === sum.objects
}

/** The same for a repository of its own. */
async function demonstrate(): Promise<boolean> {
  const repository = mkdtempSync(join(tmpdir(), 'concat-packs-'))
  try {
    buildRepository(repository, 24)
    return await main(repository)
  } finally {
    rmSync(repository, { recursive: true, force: true })
  }
}

const usage = `usage: npx tsx examples/concat-packs.ts [REPOSITORY]

Checks the packs of a git repository as one sequence, and compares what it counts with what git says. Without a
repository, those of one of 24 packs that it makes in the folder for temporary files, and removes.`

await command(
  import.meta.url,
  usage,
  async (repository?: string) => {
    if (!(await (repository === undefined ? demonstrate() : main(repository)))) process.exitCode = 1
  },
  1
)
