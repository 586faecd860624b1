import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { tempPath } from './support/files.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = join(root, 'node_modules/typescript/bin/tsc')

/** What tsc says; empty where it has nothing to say. */
async function check(folder: string, args: string[]): Promise<string> {
  try {
    await run(process.execPath, [tsc, ...args], { cwd: folder })
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}

/** A program as strict as one can be. A line under `@ts-expect-error` must not compile. */
const consumer = `
import { Readable } from 'streamx'
import { Concatenation, Cursor, concat, MapManager, MappedBuffer, MappedFile, open, type Window, type WindowOptions } from 'slidemap'
import { mapperConformance } from 'slidemap/conformance'

export const none: WindowOptions = { start: undefined, end: undefined, signal: undefined, follow: undefined }
export const manager = new MapManager({ windowSize: undefined, mapper: undefined })
export const conformance: unknown = mapperConformance

const file = await manager.open({ source: 'x', start: undefined }, { flags: undefined })
export const windows: AsyncIterableIterator<Window> & AsyncDisposable = file.windows(none)
export const lines: AsyncIterableIterator<string> = file.lines({ limit: undefined, offsets: undefined })
export const stream: Readable = file.stream({ chunkSize: undefined })
file.stream().on('data', chunk => chunk.readUInt8())
for await (const chunk of file.stream()) chunk.readUInt8()
for await (const window of concat(['x'], { lookahead: undefined }).windows()) window.source.length
file.records({ lengthPrefix: 4, endian: undefined, maxRecordBytes: undefined })
await (await open('x')).pipeTo(process.stdout, { onProgress: undefined })

// @ts-expect-error
file.records({ recordSize: 1, follow: true })
// @ts-expect-error
file.linesSync({ follow: true })
// @ts-expect-error
file.windows().onEnded(() => {})
// @ts-expect-error
file.windows().slide?.(0, 1)
// @ts-expect-error
concat([]).windows().slide(0, 1)
// @ts-expect-error
file.source
// @ts-expect-error
file.windowSize
// @ts-expect-error
new MappedFile()
// @ts-expect-error
new Cursor()
// @ts-expect-error
new MappedBuffer()
// @ts-expect-error
new Concatenation()
`

const options = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true
  },
  files: ['consumer.ts']
}

describe('the types of the package', () => {
  it('compile for a strict program, declarations checked, and show no internals', async function () {
    this.timeout(60_000)
    const folder = tempPath('types')
    const own = join(folder, 'node_modules/slidemap')
    mkdirSync(own, { recursive: true })
    for (const name of ['streamx', '@types'])
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
    writeFileSync(join(own, 'package.json'), readFileSync(join(root, 'package.json')))
    const build = ['-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', join(own, 'dist')]
    expect(await check(root, build)).to.equal('')
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))
    writeFileSync(join(folder, 'consumer.ts'), consumer)
    expect(await check(folder, ['-p', '.'])).to.equal('')
  })
})
