import { expect } from 'chai'
import fc from 'fast-check'
import { type Linked, LinkedList } from '../../lib/manager/linked-list.js'

class Item implements Linked<Item> {
  previous: Item | undefined
  next: Item | undefined
  list: LinkedList<Item> | undefined
  readonly name: number

  constructor(name: number) {
    this.name = name
  }
}

function names(list: LinkedList<Item>): number[] {
  return [...list].map(item => item.name)
}

function listOf(count: number): { list: LinkedList<Item>; items: Item[] } {
  const list = new LinkedList<Item>()
  const items = Array.from({ length: count }, (_, name) => new Item(name))
  for (const item of items) list.push(item)
  return { list, items }
}

describe('a linked list', () => {
  it('is empty at first', () => {
    const list = new LinkedList<Item>()
    expect([list.first, list.size, names(list)]).to.deep.equal([undefined, 0, []])
  })

  it('moves a member that joins again to the end', () => {
    const { list, items } = listOf(3)
    list.push(items[0] as Item)
    expect(names(list)).to.deep.equal([1, 2, 0])
    list.push(items[0] as Item)
    expect(names(list)).to.deep.equal([1, 2, 0])
    expect(list.size).to.equal(3)
  })

  it('tells on removal whether it was a member, and leaves a member of another list where it is', () => {
    const { list, items } = listOf(2)
    const other = new LinkedList<Item>()
    const [first] = items as [Item]
    expect(other.remove(first)).to.equal(false)
    expect(names(list)).to.deep.equal([0, 1])
    expect(list.remove(first)).to.equal(true)
    expect(list.remove(first)).to.equal(false)
    other.push(first)
    expect([names(list), names(other)]).to.deep.equal([[1], [0]])
  })

  it('keeps nothing of a member that left', () => {
    const { items, list } = listOf(3)
    const [, middle] = items as [Item, Item]
    list.remove(middle)
    expect([middle.previous, middle.next, middle.list]).to.deep.equal([undefined, undefined, undefined])
  })

  it('may lose the member just met, and gain members, while it is walked', () => {
    const { list } = listOf(4)
    const met: number[] = []
    for (const item of list) {
      met.push(item.name)
      if (item.name % 2 === 0) list.remove(item)
      if (item.name === 1) list.push(new Item(4))
    }
    expect(met).to.deep.equal([0, 1, 2, 3, 4])
    expect(names(list)).to.deep.equal([1, 3])
  })

  it('behaves as an array does, whatever joins, leaves and moves', () => {
    const step = fc.tuple(fc.constantFrom('push', 'remove', 'move to the other list'), fc.nat(5))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), steps => {
        const items = Array.from({ length: 6 }, (_, name) => new Item(name))
        const [list, other] = [new LinkedList<Item>(), new LinkedList<Item>()]
        let [model, otherModel]: [number[], number[]] = [[], []]
        for (const [action, name] of steps) {
          const item = items[name] as Item
          const was = model.includes(name)
          model = model.filter(one => one !== name)
          if (action === 'push') {
            other.remove(item)
            otherModel = otherModel.filter(one => one !== name)
            list.push(item)
            model.push(name)
          } else {
            expect(list.remove(item)).to.equal(was)
            if (action !== 'remove') {
              other.push(item)
              otherModel = [...otherModel.filter(one => one !== name), name]
            }
          }
          expect(names(list)).to.deep.equal(model)
          expect(names(other)).to.deep.equal(otherModel)
          expect([list.size, list.first?.name]).to.deep.equal([model.length, model[0]])
        }
      })
    )
  })
})
