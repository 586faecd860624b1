import { expect } from 'chai'
import fc from 'fast-check'
import { Doubts } from '../../lib/manager/doubt.js'

const PAGE = 4096

describe('doubts', () => {
  it('arise only where all is zero from what was looked at to the end of the page', () => {
    const bytes = new Uint8Array(2 * PAGE)
    const doubts = new Doubts(bytes.buffer)
    expect(doubts.at(10)).to.deep.equal({ end: 10, pageEnd: PAGE, mark: -1 })
    bytes[9] = 1
    expect(doubts.at(10)).to.equal(undefined)
    expect(doubts.at(11)).to.deep.equal({ end: 11, pageEnd: PAGE, mark: 9 })
  })

  it('do not arise in numbers or text of which every other byte is zero', () => {
    const text = Buffer.from('a line of text\n'.repeat(PAGE / 8), 'utf16le').subarray(0, 2 * PAGE)
    const numbers = Buffer.alloc(2 * PAGE)
    for (let at = 0; at < numbers.length; at += 8) numbers.writeUInt32LE(at + 1, at)
    for (const content of [text, numbers]) {
      const doubts = new Doubts(new Uint8Array(content).buffer)
      // The last number of a page ends with zeros that may have been cut off.
      for (let end = 1; end <= PAGE - 8; end++) expect(doubts.at(end), `${end}`).to.equal(undefined)
    }
  })

  it('arise wherever a cut took bytes that were looked at', () => {
    const contents = fc.array(
      fc.record({
        at: fc.oneof(fc.integer({ min: 0, max: PAGE - 1 }), fc.integer({ min: PAGE - 40, max: PAGE - 1 })),
        value: fc.integer({ min: 1, max: 255 })
      }),
      { minLength: 1, maxLength: 8 }
    )
    const places = fc.array(fc.integer({ min: 1, max: PAGE }), { maxLength: 4 })
    const trial = fc.property(contents, places, fc.nat(), (content, asked, choice) => {
      const bytes = new Uint8Array(PAGE)
      for (const { at, value } of content) bytes[at] = value
      const doubts = new Doubts(bytes.buffer)
      // The file had all of the page then.
      for (const end of asked) {
        const doubt = doubts.at(end)
        if (doubt) doubts.dispel(doubt)
      }
      // What is cut off has one of these bytes in it, which was looked at.
      const taken = content[choice % content.length]?.at as number
      bytes.fill(0, taken - (choice % (taken + 1)))
      for (const end of [taken + 1, Math.min(taken + 9, PAGE), PAGE]) {
        expect(doubts.at(end), `up to ${end}`).to.not.equal(undefined)
      }
    })
    fc.assert(trial)
  })
})
