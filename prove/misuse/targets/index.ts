import type { Target } from '../targets.js'
import { hashed } from './crypto.js'
import { written } from './files.js'
import { cloned, posted } from './messages.js'
import { sent } from './sockets.js'
import { blobs, decoded } from './web.js'
import { filled } from './writers.js'
import { calledZlib, hastyBrotli, streamedZlib } from './zlib.js'

export const targets: readonly Target[] = [
  calledZlib,
  streamedZlib,
  hastyBrotli,
  hashed,
  written,
  sent,
  cloned,
  posted,
  blobs,
  decoded,
  filled
]
