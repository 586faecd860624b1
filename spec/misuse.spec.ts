import { expect } from 'chai'
import { HELD_UP_FILE, heldUp, heldUpRound } from '../prove/misuse/held-up.js'
import { judge, marked } from '../prove/misuse/marked.js'
import { Stage } from '../prove/misuse/stage.js'
import { targets } from '../prove/misuse/targets/index.js'
import { Random } from '../prove/random.js'
import { realMappers } from './support/mappers.js'

/** The short form: `npm run prove -- --only misuse` tries each 10,000 times. */
const TRIES = Number(process.env.SLIDEMAP_CASES ?? 8)
const seed = Number(process.env.SLIDEMAP_SEED ?? Math.floor(Math.random() * 2 ** 31))

for (const mapper of realMappers) {
  describe(`Leased bytes that are passed while they are in use, on the ${mapper} mapper (seed ${seed})`, () => {
    for (const target of targets) {
      it(`come out right, or as zeros, or not at all of ${target.name}`, async () => {
        const stage = new Stage(mapper, 2 ** 18)
        const random = new Random(seed)
        try {
          for (let i = 0; i < TRIES; i++)
            expect(await stage.try(target, random), `try ${i}`).to.not.equal('foreign')
        } finally {
          await stage.close()
        }
      })
    }

    for (const [kind, { words }] of Object.entries(heldUp)) {
      it(`come out of ${words}, a thousand windows later, and nobody else’s`, async () => {
        const stage = new Stage(mapper, HELD_UP_FILE)
        const random = new Random(seed)
        try {
          for (const fate of await heldUpRound(stage, kind, random))
            expect(fate).to.be.oneOf(['whole', 'zeros'])
        } finally {
          await stage.close()
        }
      })
    }
  })
}

describe('The judge of what comes out', () => {
  const given = [
    { letter: 'A', offset: 64, truth: marked('A', 1024).subarray(64, 128) },
    { letter: 'A', offset: 512, truth: marked('A', 1024).subarray(512, 576) }
  ]
  const truth = Buffer.concat(given.map(each => each.truth))
  const changed = (at: number, bytes: string | Buffer) => {
    const copy = Buffer.from(truth)
    Buffer.from(bytes as string).copy(copy, at)
    return copy
  }

  it('knows what is whole, what turned into zeros, and what is missing', () => {
    expect(judge(truth, given)).to.equal('whole')
    expect(judge(changed(40, Buffer.alloc(88)), given)).to.equal('zeros')
    expect(judge(changed(43, '\0\0'), given)).to.equal('zeros')
    expect(judge(truth.subarray(64), given)).to.equal('short')
    expect(judge(truth.subarray(0, 64), given)).to.equal('short')
    expect(judge(Buffer.concat([Buffer.alloc(8), truth.subarray(72)]), given)).to.equal('zeros')
    expect(judge(Buffer.alloc(0), given)).to.equal('short')
  })

  it('knows bytes of another file, of another window, in another order, twice or too many', () => {
    expect(judge(changed(48, 'B'), given)).to.equal('foreign')
    expect(judge(changed(48, marked('B', 1024).subarray(112, 120)), given)).to.equal('foreign')
    expect(judge(changed(48, marked('A', 1024).subarray(136, 144)), given)).to.equal('foreign')
    expect(judge(Buffer.concat([truth.subarray(64), truth.subarray(0, 64)]), given)).to.equal('foreign')
    expect(judge(Buffer.concat([truth.subarray(0, 64), truth.subarray(0, 64)]), given)).to.equal('foreign')
    expect(judge(Buffer.concat([truth, truth.subarray(0, 8)]), given)).to.equal('foreign')
    expect(judge(truth.subarray(0, 61), given)).to.equal('foreign')
  })
})
