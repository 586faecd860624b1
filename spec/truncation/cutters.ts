/**
 * Whoever cuts files short: this thread between two steps of the consumer; another thread, or another process, at
 * random moments.
 */
import { spawn } from 'node:child_process'
import { ftruncateSync } from 'node:fs'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Cut } from './trial.js'

export interface Order extends Cut {
  readonly path: string
  /** Open for writing. */
  readonly fd: number
  /** Bytes of the file. */
  readonly was: number
}

export interface Cutter {
  /** Begin to. */
  cut(order: Order, delay: number): void
  /** Whether the last order may have been carried out by now. */
  readonly done: boolean
  /** Settles when it has been. */
  finished(): Promise<void>
  close(): Promise<void>
}

/** Cuts at once. */
export class OwnCutter implements Cutter {
  done = false

  cut(order: Order): void {
    this.done = true
    ftruncateSync(order.fd, order.size)
    if (order.regrow) ftruncateSync(order.fd, order.was)
  }

  async finished(): Promise<void> {
    this.done = false
  }

  async close(): Promise<void> {}
}

/** Indices in the memory that it shares with its thread. */
export const SHARED = { orders: 0, begun: 1, done: 2, fd: 3, size: 4, was: 5, regrow: 6, delay: 7 }

const threadScript = `
const { workerData } = require('node:worker_threads')
const { ftruncateSync } = require('node:fs')
const { memory, at } = workerData
for (let orders = 0; ; ) {
  Atomics.wait(memory, at.orders, orders)
  orders = Atomics.load(memory, at.orders)
  if (orders < 0) break
  for (let i = memory[at.delay]; i > 0; i--) Atomics.load(memory, at.delay)
  Atomics.store(memory, at.begun, orders)
  ftruncateSync(memory[at.fd], memory[at.size])
  if (memory[at.regrow]) ftruncateSync(memory[at.fd], memory[at.was])
  Atomics.store(memory, at.done, orders)
  Atomics.notify(memory, at.done)
}
`

/** Cuts on a thread of its own. */
export class ThreadCutter implements Cutter {
  readonly #memory = new Int32Array(new SharedArrayBuffer(4 * 16))
  readonly #worker: Worker
  #orders = 0

  constructor() {
    this.#worker = new Worker(threadScript, {
      eval: true,
      execArgv: [],
      workerData: { memory: this.#memory, at: SHARED }
    })
  }

  get done(): boolean {
    return this.#orders > 0 && Atomics.load(this.#memory, SHARED.begun) === this.#orders
  }

  cut({ fd, size, was, regrow }: Order, delay: number): void {
    const memory = this.#memory
    memory[SHARED.fd] = fd
    memory[SHARED.size] = size
    memory[SHARED.was] = was
    memory[SHARED.regrow] = regrow ? 1 : 0
    memory[SHARED.delay] = delay
    Atomics.store(memory, SHARED.orders, ++this.#orders)
    Atomics.notify(memory, SHARED.orders)
  }

  async finished(): Promise<void> {
    for (;;) {
      const done = Atomics.load(this.#memory, SHARED.done)
      if (done === this.#orders) return
      Atomics.wait(this.#memory, SHARED.done, done)
    }
  }

  async close(): Promise<void> {
    Atomics.store(this.#memory, SHARED.orders, -1)
    Atomics.notify(this.#memory, SHARED.orders)
    await once(this.#worker, 'exit')
  }
}

/** Cuts in a process of its own. */
export class ProcessCutter implements Cutter {
  readonly #child = spawn(
    process.execPath,
    [fileURLToPath(new URL('cutting-process.mjs', import.meta.url))],
    {
      stdio: ['pipe', 'pipe', 'inherit']
    }
  )
  #orders = 0
  #answers = 0
  #told: (() => void) | undefined

  constructor() {
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#answers += chunk.length
      this.#told?.()
    })
  }

  /** Nobody here knows: it may have. */
  get done(): boolean {
    return this.#orders > 0
  }

  cut({ path, size, was, regrow }: Order, delay: number): void {
    this.#orders++
    this.#child.stdin.write(`${JSON.stringify({ path, size, was, regrow, delay })}\n`)
  }

  async finished(): Promise<void> {
    while (this.#answers < this.#orders) {
      await new Promise<void>(resolve => {
        this.#told = resolve
      })
    }
    this.#orders = this.#answers = 0
  }

  async close(): Promise<void> {
    this.#child.stdin.end()
    await once(this.#child, 'exit')
  }
}
