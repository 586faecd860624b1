/** The addon whose calls fail when they are told to: native/inject/, built here when it is out of date. */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { constants } from 'node:os'
import type { Addon } from '../../lib/mapping/addon.js'
import { root } from '../support/child.js'

/** The kinds of calls that can fail, as the addon names them. */
export type Call =
  | 'open'
  | 'close'
  | 'fstat'
  | 'lseek'
  | 'pread'
  | 'mmap'
  /** Covering a range that is mapped already. */
  | 'cover'
  | 'munmap'
  | 'madvise'
  | 'mincore'
  | 'posix_fadvise'
  /** The addon's own memory. */
  | 'memory'
  | 'external'
  | 'detach'
  /** What else the addon makes by Node-API. */
  | 'napi'

/** What fails, and how: an errno by its name, or a `napi_status`. */
export type Errors = Partial<Record<Call, keyof typeof constants.errno | number>>

interface Inject {
  readonly kinds: readonly Call[]
  arm(first: number, last: number, errors: Int32Array): void
  disarm(): Int32Array
  counts(): Int32Array
  handle(how: 'plain' | 'siginfo' | 'chain' | 'once' | 'ignore' | 'default'): void
  handled(): number
  foreign(path: string): number
  touch(page: number): number
  onLittleStack(bytes: Uint8Array): number
}

export type InjectedAddon = Addon & { readonly inject: Inject }

/** Where it is, for children and Workers. */
export const injectedPath = join(root, 'native/build/inject/slidemap.node')

/**
 * Build it, if need be, and load it.
 *
 * @throws {Error} where there is no C compiler and linker that can
 */
export function loadInjected(): InjectedAddon {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/build-inject.mjs')], {
    encoding: 'utf8'
  })
  if (status !== 0) throw new Error(`the addon that fails was not built: ${stderr}`)
  return createRequire(import.meta.url)(injectedPath) as InjectedAddon
}

/** Skip a suite where there is no such addon; in CI there must be. */
export function needsInjected(this: Mocha.Context): InjectedAddon {
  try {
    if (process.platform !== 'linux') throw new Error('calls are injected on Linux')
    return loadInjected()
  } catch (error) {
    if (process.env.CI && process.platform === 'linux') throw error
    return this.skip()
  }
}

/** Calls that fail, and which did: by kind. */
export type Failed = Map<Call, number>

/** Makes calls of one addon fail. */
export class Injector {
  readonly #inject: Inject

  constructor(addon: InjectedAddon) {
    this.#inject = addon.inject
  }

  /** Let calls number `first` to `last` fail, of those kinds that have an error, counted from now on. */
  arm(errors: Errors, first: number, last = first): void {
    const numbers = this.#inject.kinds.map(kind => {
      const error = errors[kind]
      return typeof error === 'string' ? constants.errno[error] : (error ?? 0)
    })
    this.#inject.arm(first, Math.min(last, Number.MAX_SAFE_INTEGER), Int32Array.from(numbers))
  }

  /** Let all calls be. @returns those that failed */
  disarm(): Failed {
    return this.#tally(this.#inject.disarm())
  }

  /** Calls since the process began. */
  counts(): Failed {
    return this.#tally(this.#inject.counts())
  }

  #tally(numbers: Int32Array): Failed {
    const entries = this.#inject.kinds.map((kind, i): [Call, number] => [kind, numbers[i] ?? 0])
    return new Map(entries.filter(([, number]) => number > 0))
  }
}
