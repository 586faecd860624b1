import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { readThrough } from './work-file.mjs'

const source = path.join(import.meta.dirname, '..', 'c', 'limit.c')

/** Of a file that is to be cold or hot: what may be in the page cache or missing there, as a share. */
const TOLERANCE = 0.001

/** Compile bench/c/limit.c into `folder`; the path of the program. */
export function compileLimit(folder) {
  const program = path.join(folder, 'limit')
  try {
    execFileSync(process.env.CC ?? 'cc', ['-O2', '-pthread', '-o', program, source], {
      stdio: ['ignore', 'ignore', 'pipe']
    })
  } catch (error) {
    throw new Error(`the C limit does not compile (is there a C compiler?): ${error.stderr ?? error.message}`)
  }
  return program
}

/** Fail where the file is not in the page cache: a hot work would measure the disk. */
export function checkResident(program, { file, size }) {
  const bytes = ask(program, 'resident', file)
  if (bytes < size * (1 - TOLERANCE))
    throw new Error(
      `only ${Math.floor((100 * bytes) / size)} % of the work file stay in the page cache: try a smaller --size`
    )
}

/** Have a file in the page cache; fail where it does not stay there. */
export function makeHot(program, { file, size }) {
  // What is read for the first time may go first when others need room.
  for (let tries = 0; tries < 3 && ask(program, 'resident', file) < size; tries++) readThrough(file)
  checkResident(program, { file, size })
}

/** Have the page cache forget a file; fail where it does not, since a cold work would measure memory. */
export function makeCold(program, { file, size }) {
  const bytes = ask(program, 'drop', file)
  if (bytes > size * TOLERANCE)
    throw new Error(`${Math.ceil((100 * bytes) / size)} % of the work file stay in the page cache: not cold`)
}

function ask(program, mode, file) {
  return JSON.parse(execFileSync(program, [mode, file], { encoding: 'utf8' })).bytes
}
