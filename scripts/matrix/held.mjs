/** What the operating system says that this process holds of the files in a folder. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import process from 'node:process'

/**
 * Lines of its mappings, and paths of its descriptors. Where the operating system does not tell, or the runtime permits
 * nobody to ask, none.
 */
export function held(folder) {
  if (process.platform !== 'linux') return []
  try {
    return listed(folder)
  } catch (error) {
    if (error.name === 'NotCapable') return []
    throw error
  }
}

function listed(folder) {
  const below = `${folder}/`
  const mappings = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter(line => line.includes(below))
  const open = readdirSync('/proc/self/fd').map(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // the one that listed the folder
    }
  })
  return [...mappings, ...open.filter(path => path.startsWith(below))]
}
