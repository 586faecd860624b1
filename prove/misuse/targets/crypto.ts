import * as crypto from 'node:crypto'
import { promisify } from 'node:util'
import { type Outcome, type Session, Settling, type Target } from '../targets.js'

const key = Buffer.alloc(32, 7)
const iv = Buffer.alloc(16, 9)
const pair = crypto.generateKeyPairSync('ed25519')
const pbkdf2 = promisify(crypto.pbkdf2)
const scrypt = promisify(crypto.scrypt) as (
  password: Uint8Array,
  salt: Uint8Array,
  length: number,
  options: crypto.ScryptOptions
) => Promise<Buffer>
const hkdf = promisify(crypto.hkdf)
const sign = promisify(crypto.sign) as (
  algorithm: undefined,
  data: Uint8Array,
  key: crypto.KeyObject
) => Promise<Buffer>
const sha256 = (bytes: Uint8Array) => crypto.createHash('sha256').update(bytes).digest()
const same = (a: Uint8Array | ArrayBuffer, b: Uint8Array) => Buffer.from(a as ArrayBuffer).equals(b)

type Use = (bytes: Buffer, truth: Buffer) => Outcome | Promise<Outcome>

/** The synchronous ones are done when they return; the others are on the thread pool then. */
const uses: Use[] = [
  (bytes, truth) => same(sha256(bytes), sha256(truth)),
  (bytes, truth) =>
    same(
      crypto.createHmac('sha1', key).update(bytes).digest(),
      crypto.createHmac('sha1', key).update(truth).digest()
    ),
  bytes => {
    const cipher = crypto.createCipheriv('aes-256-ctr', key, iv)
    return decipher(cipher.update(bytes))
  },
  async (bytes, truth) => {
    const hash = crypto.createHash('md5')
    hash.write(bytes)
    await new Promise<void>(resolve => hash.end(resolve))
    return same(hash.digest(), crypto.createHash('md5').update(truth).digest())
  },
  async (bytes, truth) =>
    same(await pbkdf2(bytes, 'salt', 1, 32, 'sha256'), crypto.pbkdf2Sync(truth, 'salt', 1, 32, 'sha256')),
  async (bytes, truth) => {
    const cost = { N: 2, r: 1, p: 1 }
    return same(await scrypt(bytes, key, 32, cost), crypto.scryptSync(truth, key, 32, cost))
  },
  async (bytes, truth) =>
    same(
      await hkdf('sha256', key, bytes, '', 32),
      Buffer.from(crypto.hkdfSync('sha256', key, truth, '', 32))
    ),
  async (bytes, truth) => same(await crypto.subtle.digest('SHA-256', bytes), sha256(truth)),
  async (bytes, truth) =>
    crypto.verify(undefined, truth, pair.publicKey, await sign(undefined, bytes, pair.privateKey)),
  bytes => encrypted(bytes)
]

function decipher(bytes: Uint8Array): Buffer {
  return crypto.createDecipheriv('aes-256-ctr', key, iv).update(bytes)
}

const secret = crypto.subtle.importKey('raw', key, 'AES-CTR', false, ['encrypt'])

/** The key is there already: nothing is awaited before the bytes are taken. */
let ready: crypto.webcrypto.CryptoKey
async function encrypted(bytes: Buffer): Promise<Outcome> {
  return decipher(
    new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CTR', counter: iv, length: 64 }, ready, bytes))
  )
}

export const hashed: Target = {
  name: 'crypto',
  words: 'hashes, HMACs, ciphers, pbkdf2(), scrypt(), hkdf(), sign(), subtle.digest() and subtle.encrypt()',
  async open({ choose }): Promise<Session> {
    ready = await secret
    const given = new Settling<Outcome>()
    const use = async (bytes: Buffer, truth: Buffer) => {
      const outcome = await (uses[choose(uses.length)] as Use)(bytes, truth)
      // A digest that is right stands for the bytes.
      return outcome === true ? truth : outcome
    }
    return {
      give: (bytes, truth) => void given.add(use(bytes, truth)),
      end: () => given.all()
    }
  }
}
