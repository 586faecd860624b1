/** Node's permission model, for a mapper that opens files by itself: then Node asks nobody whether it may. */
import { accessSync } from 'node:fs'
import { resolve } from 'node:path'
import process from 'node:process'

/** Whether this process may read a file: always, where there is no permission model at work. */
export function mayRead(path: string | Buffer): boolean {
  return process.permission?.has('fs.read', resolve(String(path))) ?? true
}

/**
 * Refuse what `node:fs` would refuse to open. Where no permission model is at work it does nothing, and calls nothing.
 *
 * @throws {Error} ERR_ACCESS_DENIED, in the words of Node
 */
export function checkMayRead(path: string | Buffer): void {
  if (!mayRead(path)) accessSync(path)
}
