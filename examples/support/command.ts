/** What every example does when it is run from the command line. */
import { pathToFileURL } from 'node:url'

/**
 * Run `main` with the operands of the command line, if `module` is the program that Node was told to run.
 *
 * @param module the example's own `import.meta.url`
 * @param usage shown for `--help`, and where the operands are not those it names; none of them begins with a dash
 * @param main takes as many operands as it declares parameters
 * @param optional how many of them, the last, may be left out
 */
export async function command(
  module: string,
  usage: string,
  main: (...operands: string[]) => Promise<void>,
  optional = 0
): Promise<void> {
  if (module !== pathToFileURL(process.argv[1] ?? '').href) return
  const operands = process.argv.slice(2)
  const fits = operands.length <= main.length && operands.length >= main.length - optional
  if (operands.includes('--help')) {
    console.log(usage)
  } else if (!fits || operands.some(operand => operand.startsWith('-'))) {
    console.error(usage)
    process.exitCode = 2
  } else {
    await main(...operands).catch(error => {
      console.error(`${error}`)
      process.exitCode = 1
    })
  }
}
