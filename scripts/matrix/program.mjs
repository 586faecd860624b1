/**
 * What each cell of the matrix runs: every way to read that the package has, once, on the runtime that runs it.
 *
 *     node program.mjs FOLDER [--mapper NAME] [--read-only] [--whole] [--confined] [--conformance]
 *
 * FOLDER has the files of fixtures.mjs, or gets them. With --read-only nothing is written, and what would have to write
 * is left out. --whole streams all 5 GiB of the sparse file. --confined tries to read what the permission model forbids.
 * --conformance runs the suite of slidemap/conformance on the package's binary.
 *
 * Prints one line of JSON: { runtime, platform, arch, mapper, checks: [{ name, milliseconds, error?, left? }], warnings }.
 * Status 1 where a check failed. Needs no test framework: it runs where none does.
 */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import process from 'node:process'
import { checks, conformance, staysConfined, streamWhole, withManager } from './checks.mjs'
import { makeFixtures } from './fixtures.mjs'
import { held } from './held.mjs'

const [folder, ...words] = process.argv.slice(2)

const option = name => (words.includes(name) ? words[words.indexOf(name) + 1] : undefined)
const bench = {
  folder: fs.realpathSync(folder),
  mapper: option('--mapper') ?? 'auto',
  writes: !words.includes('--read-only')
}
const warnings = []
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`))
if (bench.writes) makeFixtures(bench.folder)
const suite = { ...checks }
if (words.includes('--whole')) suite['stream 5 GiB'] = streamWhole
if (words.includes('--confined')) suite['what may not be read is refused'] = staysConfined
if (words.includes('--conformance')) suite.conformance = conformance

const results = []
for (const [name, body] of Object.entries(suite)) {
  const began = Date.now()
  try {
    const left = await body(bench)
    assert.deepEqual(held(bench.folder), [])
    results.push({ name, milliseconds: Date.now() - began, ...(left && { left }) })
  } catch (error) {
    results.push({ name, milliseconds: Date.now() - began, error: String(error?.stack ?? error) })
  }
}
// Warnings are told on a later turn.
await new Promise(resolve => setImmediate(resolve))
const mapper = withManager(bench, {}, async manager => manager.stats().mapper)
const answer = {
  runtime: runtimeName(),
  platform: process.platform,
  arch: process.arch,
  mapper: await mapper,
  checks: results,
  warnings
}
// Written at once: under wine, what is piped and not flushed is lost with the process.
fs.writeSync(1, `${JSON.stringify(answer)}\n`)
process.exit(results.some(({ error }) => error) ? 1 : 0)

function runtimeName() {
  if (process.versions.bun) return `Bun ${process.versions.bun}`
  if (process.versions.deno) return `Deno ${process.versions.deno}`
  return `Node ${process.versions.node}`
}
