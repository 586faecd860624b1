/**
 * The platforms that the package has a binary for: what `npm run prebuild` builds.
 *
 * Each is a {@link Target} in a file of this folder. One that cannot be built here says which compiler it lacks.
 *
 * @typedef {object} Target
 * @property {string} name PLATFORM-ARCH, as `process.platform` and `process.arch` say it: the folder of its binary
 * @property {string[]} commands what it runs, by their names in PATH
 * @property {string[]} debianPackages what has these commands, and the C library's headers where it needs any
 * @property {(job: Job) => void} build writes `job.output`; the same bytes from the same sources, in whatever folders
 * @property {(job: Job) => Inspection} inspect reads what was built
 *
 * @typedef {object} Job
 * @property {string} native the folder of the C sources: the working directory of `run`, so that paths in it are
 *   relative and stay out of the binary
 * @property {string[]} sources names of the C files that every platform has: all but mapping_posix.c, mapping_win32.c
 * @property {string} headers the folder of node_api.h
 * @property {string} definitions the folder of node_api.def and js_native_api.def: what a runtime exports
 * @property {string} scratch an empty folder for whatever comes in between; removed afterwards
 * @property {string} output where the binary goes: `slidemap.node` in a folder of this job's own
 * @property {(command: string, args: string[]) => string} run answers what it printed; throws what it said on stderr
 *
 * @typedef {object} Inspection
 * @property {string[]} imports a line for each symbol that it wants of the operating system (not of the runtime)
 * @property {string[]} faults a line for each thing that must not be in the package; empty where all is well
 */
import { darwinArm64, darwinX64 } from './darwin.mjs'
import { linuxArm64, linuxX64 } from './linux.mjs'
import { win32X64 } from './win32.mjs'

/** @type {Target[]} */
export const targets = [linuxX64, linuxArm64, darwinX64, darwinArm64, win32X64]
