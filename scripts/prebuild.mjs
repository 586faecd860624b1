/**
 * Put the binary for this platform where the published package looks for it: native/prebuilds/PLATFORM-ARCH/.
 *
 * npm's `prepack` runs it. Without a compiler it says so and succeeds: the package then reads instead of mapping.
 */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const target = join(root, 'native/prebuilds', `${process.platform}-${process.arch}`, 'slidemap.node')
const { status } = spawnSync(process.execPath, [join(root, 'scripts/build-native.mjs'), target], {
  // Nobody who installs the package debugs it.
  env: { ...process.env, SLIDEMAP_CFLAGS: `${process.env.SLIDEMAP_CFLAGS ?? ''} -s` },
  stdio: ['ignore', 'inherit', 'inherit']
})
if (status !== 0) console.error('slidemap: the package is packed without a binary for this platform')
