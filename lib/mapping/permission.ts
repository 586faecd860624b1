/** The permission models of Node and Deno, for a mapper that opens files by itself: then nobody asks whether it may. */
import { accessSync } from 'node:fs'
import { resolve } from 'node:path'

interface DenoPermissions {
  querySync(of: { name: 'read'; path: string }): { state: string }
}

/** Whether this process may read a file: always, where there is no permission model at work. */
export function mayRead(path: string | Buffer): boolean {
  const { Deno } = globalThis as { Deno?: { permissions: DenoPermissions } }
  if (Deno)
    return Deno.permissions.querySync({ name: 'read', path: resolve(String(path)) }).state === 'granted'
  return process.permission?.has('fs.read', resolve(String(path))) ?? true
}

/**
 * Refuse what `node:fs` would refuse to open. Where no permission model is at work it does nothing.
 *
 * @throws {Error} as the runtime says it: ERR_ACCESS_DENIED of Node, NotCapable of Deno
 */
export function checkMayRead(path: string | Buffer): void {
  if (!mayRead(path)) accessSync(path)
}
