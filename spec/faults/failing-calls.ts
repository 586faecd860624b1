/** Node's file calls, of which the n-th fails: for the mappers that make theirs by way of Node. */
import { constants } from 'node:os'
import { systemError } from '../../lib/errors.js'
import { type FileCalls, nodeCalls } from '../../lib/mapping/descriptor.js'
import type { Step } from '../../lib/mapping/steps.js'
import type { Call, Failed } from './inject.js'
import type { Faults } from './walk.js'

/** Node's name of a call, for each that can fail. */
export type NodeErrors = Partial<Record<'open' | 'fstat' | 'read' | 'close', keyof typeof constants.errno>>

/** Fails calls as it is told to; what fails was not made, but for `close`, after which a descriptor is gone anyway. */
export class FailingCalls implements Faults {
  readonly calls: FileCalls
  readonly #errors: NodeErrors
  readonly #failed: Failed = new Map()
  #seen = 0
  #first = Number.POSITIVE_INFINITY
  #last = 0

  constructor(errors: NodeErrors) {
    this.#errors = errors
    this.calls = {
      open: (path, flags) => this.#failing('open', nodeCalls.open(path, flags), path),
      fstat: fd => this.#failing('fstat', nodeCalls.fstat(fd)),
      read: (fd, bytes, position) => this.#failing('read', nodeCalls.read(fd, bytes, position)),
      close: fd => this.#closing(nodeCalls.close(fd))
    }
  }

  arm(n: number, lasting: boolean): void {
    this.#failed.clear()
    this.#seen = 0
    this.#first = n
    this.#last = lasting ? Number.POSITIVE_INFINITY : n
  }

  disarm(): Failed {
    this.#first = Number.POSITIVE_INFINITY
    return new Map(this.#failed)
  }

  /** Throws if it is this call's turn to fail. */
  #check(call: keyof NodeErrors, path?: string | Buffer): void {
    const name = this.#errors[call]
    if (name === undefined) return
    this.#seen++
    if (this.#seen < this.#first || this.#seen > this.#last) return
    const kind: Call = call === 'read' ? 'pread' : call
    this.#failed.set(kind, (this.#failed.get(kind) ?? 0) + 1)
    throw systemError(constants.errno[name], call, path?.toString())
  }

  #failing<T>(call: keyof NodeErrors, step: Step<T>, path?: string | Buffer): Step<T> {
    return {
      sync: () => {
        this.#check(call, path)
        return step.sync()
      },
      async: async () => {
        this.#check(call, path)
        return step.async()
      }
    }
  }

  #closing(step: Step<void>): Step<void> {
    return {
      sync: () => {
        step.sync()
        this.#check('close')
      },
      async: async () => {
        await step.async()
        this.#check('close')
      }
    }
  }
}
