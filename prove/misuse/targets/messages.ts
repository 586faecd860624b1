import { once } from 'node:events'
import { BroadcastChannel, MessageChannel } from 'node:worker_threads'
import type { Outcome, Session, Target } from '../targets.js'

type Transfer = ArrayBuffer[]

/** Newer than Node 20: it refuses to transfer what cannot be transferred, where 20 copies it. */
function refused(error: unknown): boolean {
  return (error as Error).name === 'DataCloneError'
}

function orRefused(send: () => unknown): boolean {
  try {
    send()
    return true
  } catch (error) {
    if (!refused(error)) throw error
    return false
  }
}

export const cloned: Target = {
  name: 'structuredClone',
  words: 'structuredClone(), with the buffer in its transfer list and without',
  async open({ choose }): Promise<Session> {
    const outcomes: Outcome[] = []
    return {
      give(bytes) {
        const transfer: Transfer = choose(2) === 0 ? [bytes.buffer as ArrayBuffer] : []
        orRefused(() => outcomes.push(structuredClone(bytes, { transfer })))
      },
      end: async () => outcomes
    }
  }
}

export const posted: Target = {
  name: 'postMessage',
  words:
    'postMessage() of a MessagePort, with the buffer in its transfer list and without, and of a BroadcastChannel',
  open: async ({ choose, path }) => (choose(3) === 0 ? broadcast(path()) : post(choose(2) === 0))
}

function post(transferring: boolean): Session {
  const { port1, port2 } = new MessageChannel()
  const outcomes: Uint8Array[] = []
  port2.on('message', bytes => outcomes.push(bytes))
  return {
    give(bytes) {
      const transfer: Transfer = transferring ? [bytes.buffer as ArrayBuffer] : []
      orRefused(() => port1.postMessage(bytes, transfer))
    },
    async end() {
      port1.close()
      await once(port2, 'close')
      return outcomes
    }
  }
}

function broadcast(name: string): Session {
  const [from, to] = [new BroadcastChannel(name), new BroadcastChannel(name)]
  const outcomes: Uint8Array[] = []
  let given = 0
  let done: (() => void) | undefined
  to.onmessage = event => {
    outcomes.push((event as MessageEvent).data)
    if (outcomes.length === given) done?.()
  }
  return {
    give(bytes) {
      given++
      from.postMessage(bytes)
    },
    async end() {
      if (outcomes.length < given) await new Promise<void>(resolve => (done = resolve))
      from.close()
      to.close()
      return outcomes
    }
  }
}
