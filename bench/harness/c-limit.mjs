import { execFileSync } from 'node:child_process'
import path from 'node:path'

const source = path.join(import.meta.dirname, '..', 'c', 'limit.c')

/** Compile bench/c/limit.c into `folder`; the path of the program. */
export function compileLimit(folder) {
  const program = path.join(folder, 'limit')
  try {
    execFileSync(process.env.CC ?? 'cc', ['-O2', '-o', program, source], {
      stdio: ['ignore', 'ignore', 'pipe']
    })
  } catch (error) {
    throw new Error(`the C limit does not compile (is there a C compiler?): ${error.stderr ?? error.message}`)
  }
  return program
}

/** Fail where the file is not in the page cache: a hot work would measure the disk. */
export function checkResident(program, file, size) {
  const { bytes } = JSON.parse(execFileSync(program, ['resident', file], { encoding: 'utf8' }))
  if (bytes < size * 0.999)
    throw new Error(
      `only ${Math.floor((100 * bytes) / size)} % of the work file stay in the page cache: try a smaller --size`
    )
}
