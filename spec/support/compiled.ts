/** The library compiled to one file of JavaScript: for children that have no room for a loader of TypeScript. */
import { spawn } from 'node:child_process'
import { existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { gather, root } from './child.js'
import { tempFile, tempPath } from './files.js'

/** Where it is: one file, since loading many takes more descriptors than a child may have. Made when first asked for. */
export function compiledLibrary(): string {
  const folder = tempPath('compiled')
  const bundle = join(folder, 'dist/mapping/slidemap.js')
  if (!existsSync(bundle)) {
    buildSync({
      entryPoints: [join(root, 'lib/index.ts')],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      // For what is CommonJS in it.
      banner: {
        js: `import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url)`
      }
    })
    for (const name of ['node_modules', 'native']) symlinkSync(join(root, name), join(folder, name))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  }
  return bundle
}

/** How a program ended that was run under a limit. */
export interface Limited {
  /** What it printed, each line parsed as JSON. */
  readonly said: unknown[]
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

/**
 * Run a module in a process of its own, under a limit of the shell.
 *
 * @param limit what `ulimit` is told, `'-n 24'`; `''` for none
 * @param program may use everything the library exports as `slidemap`, and `say(anything)`
 * @param args are `process.argv` from 2 on
 */
export async function runLimited(limit: string, program: string, args: string[] = []): Promise<Limited> {
  const prelude = `
    import * as slidemap from ${JSON.stringify(compiledLibrary())}
    import * as fs from 'node:fs'
    const say = what => fs.writeSync(1, JSON.stringify(what) + '\\n')
    const told = ({ code, syscall, path, message }) => ({ code, syscall, path, message })
  `
  const script = tempFile(`limited-${process.hrtime.bigint()}.mjs`, prelude + program)
  const shell = limit === '' ? 'exec "$@"' : `ulimit ${limit} && exec "$@"`
  const child = spawn('sh', ['-c', shell, 'sh', process.execPath, '--expose-gc', script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const { stdout, ...ended } = await gather(child)
  const lines = stdout.split('\n').filter(Boolean)
  return { said: lines.map(line => JSON.parse(line)), ...ended }
}
