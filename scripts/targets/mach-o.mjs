/** Reads what a Mach-O file for 64 bits wants of others: no tool that comes with Debian's Clang does. */

const LC_SYMTAB = 0x2
const LC_LOAD_DYLIB = 0xc
const LC_CODE_SIGNATURE = 0x1d
const HEADER_LENGTH = 32
const SYMBOL_LENGTH = 16
/** Of a symbol's type: the bits that say where it is defined (0 for nowhere), and whether others see it. */
const N_TYPE = 0x0e
const N_EXT = 0x01

/**
 * The libraries that it names, the symbols that it wants of them and of the program that loads it, and whether it is
 * signed.
 *
 * @param {Buffer} file
 * @returns {{ libraries: string[], symbols: string[], signed: boolean }} symbols in the order of their names
 */
export function readMachO(file) {
  if (file.readUInt32LE(0) !== 0xfeedfacf) throw new Error('not a Mach-O file for 64 bits')
  const libraries = []
  const symbols = []
  let signed = false
  let at = HEADER_LENGTH
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const command = file.readUInt32LE(at)
    if (command === LC_LOAD_DYLIB) libraries.push(text(file, at + file.readUInt32LE(at + 8)))
    if (command === LC_SYMTAB) symbols.push(...undefinedSymbols(file, at))
    if (command === LC_CODE_SIGNATURE) signed = true
    at += file.readUInt32LE(at + 4)
  }
  return { libraries, symbols: symbols.sort(), signed }
}

function undefinedSymbols(file, command) {
  const first = file.readUInt32LE(command + 8)
  const count = file.readUInt32LE(command + 12)
  const names = file.readUInt32LE(command + 16)
  return Array.from({ length: count }, (_, i) => first + i * SYMBOL_LENGTH)
    .filter(at => (file.readUInt8(at + 4) & (N_TYPE | N_EXT)) === N_EXT)
    .map(at => text(file, names + file.readUInt32LE(at)))
}

function text(file, at) {
  return file.toString('utf8', at, file.indexOf(0, at))
}
