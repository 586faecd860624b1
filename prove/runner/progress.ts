/** How far a part is: a bar on a terminal, a line at its beginning and end anywhere else. All of it goes to stderr. */
import { SingleBar } from 'cli-progress'

export interface Progress {
  /** @param done 0 to 1 */
  update(done: number): void
  /** @param words what came of it */
  stop(words: string): void
}

export function progress(name: string): Progress {
  const began = performance.now()
  const took = () => `${((performance.now() - began) / 1000).toFixed(0)} s`
  if (!process.stderr.isTTY) {
    console.error(`${name} ...`)
    return { update() {}, stop: words => console.error(`${name}: ${words}, ${took()}`) }
  }
  const bar = new SingleBar({
    format: `${name.padEnd(12)} {bar} {percentage} %  {duration_formatted}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 40,
    hideCursor: false,
    clearOnComplete: true
  })
  bar.start(1, 0)
  return {
    update: done => bar.update(Math.min(1, Math.max(0, done))),
    stop(words) {
      bar.stop()
      console.error(`${name.padEnd(12)} ${words}, ${took()}`)
    }
  }
}
