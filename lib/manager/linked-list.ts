/**
 * An intrusive doubly linked list: members carry their own links, so that joining, leaving from anywhere and
 * looking at either end cost O(1) and allocate nothing.
 *
 * It orders whatever waits or ages here: the budget's queue, idle handles, regions nobody leases.
 */

/** What a member needs to carry; a member is in one list at a time. */
export interface Linked<T extends Linked<T>> {
  previous: T | undefined
  next: T | undefined
  list: LinkedList<T> | undefined
}

/**
 * @example
 * ```ts
 * const queue = new LinkedList<Waiter>()
 * queue.push(waiter)
 * queue.first?.grant()
 * queue.remove(waiter)
 * ```
 */
export class LinkedList<T extends Linked<T>> {
  #first: T | undefined
  #last: T | undefined
  #size = 0

  /** The member that joined, or was touched, longest ago. */
  get first(): T | undefined {
    return this.#first
  }

  get size(): number {
    return this.#size
  }

  /** Join at the end. A member of this list moves there: that is what "use" means in "least recently used". */
  push(item: T): void {
    if (item.list === this) this.remove(item)
    item.previous = this.#last
    item.next = undefined
    item.list = this
    if (this.#last) this.#last.next = item
    else this.#first = item
    this.#last = item
    this.#size++
  }

  /** Leave. Answers whether it was a member. */
  remove(item: T): boolean {
    if (item.list !== this) return false
    if (item.previous) item.previous.next = item.next
    else this.#first = item.next
    if (item.next) item.next.previous = item.previous
    else this.#last = item.previous
    item.previous = item.next = item.list = undefined
    this.#size--
    return true
  }

  /** From the longest ago to the latest. Removing the member just met is allowed. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let item = this.#first, next: T | undefined; item; item = next) {
      next = item.next
      yield item
    }
  }
}
