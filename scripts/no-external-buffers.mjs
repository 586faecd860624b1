/**
 * `npm run test:no-external-buffers`: the specs where the runtime forbids external buffers, as Electron does, so that
 * windows are copies. The addon is built for it, in a copy of the checkout. `-- FILES` runs these specs only.
 */
import { spawnSync } from 'node:child_process'
import { copyCheckout } from './copy-checkout.mjs'

/** These want the packages where the checkout is. */
const elsewhere = ['spec/mapping/permission.spec.ts', 'spec/package*.spec.ts']

const files = process.argv.slice(2)
const folder = copyCheckout('no-external-buffers')

function run(args, env = {}) {
  const { status } = spawnSync(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit']
  })
  if (status !== 0) process.exit(1)
}

run(['scripts/build-native.mjs'], { SLIDEMAP_CFLAGS: '-DSLIDEMAP_NO_EXTERNAL_BUFFERS' })
// What else the specs run; it finds the addon up to date.
run(['scripts/build.mjs'])
run([
  'node_modules/mocha/bin/mocha.js',
  ...(files.length > 0 ? files : ['spec/**/*.spec.ts']),
  ...elsewhere.flatMap(file => ['--exclude', file]),
  // Copies of some GiB take their time.
  '--timeout',
  '180000'
])
