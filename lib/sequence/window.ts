/** Windows as sequences have them: see `lib/window.ts`, which random access shares. */
export { CopiedWindow, LeasedWindow, type Window } from '../window.js'
