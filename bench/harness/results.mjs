/** bench/results/WORK.json: what a run on a quiet machine came to. */
import fs from 'node:fs'
import path from 'node:path'
import { workNames } from './works.mjs'

const folder = path.join(import.meta.dirname, '..', 'results')

/** Enough digits for every figure that is shown, and few enough to read a diff. */
const DIGITS = 5

export function saveResult(result) {
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, `${result.work}.json`), asJson(result))
}

export function asJson(result) {
  const rounded = (_key, value) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value
  return `${JSON.stringify(result, rounded, 1)}\n`
}

/** All results that there are, in the order of the works. */
export function loadResults(from = folder) {
  return workNames()
    .map(name => path.join(from, `${name}.json`))
    .filter(file => fs.existsSync(file))
    .map(file => JSON.parse(fs.readFileSync(file, 'utf8')))
}
