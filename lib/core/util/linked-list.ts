/**
 * A list whose members leave from anywhere in constant time, first in, first out.
 *
 * Also where a Set would do: as members come and go, a Set replaces its table, and each old one refers to the next. Once
 * one of them is old, the collector takes all that follow, with whatever was in them, for alive; a member per lock cost a
 * third of this process's time so.
 */

/**
 * A class, and no object literal: V8 makes the objects of a literal among the old ones, once many of them have outlived
 * a collection, as in a burst of callers. What such a place refers to, the collector then takes for alive long after
 * the place was left: a collection took 20 ms in place of one.
 */
class Node<T> {
  next: Node<T> | undefined;
  listed = true;

  constructor(
    readonly value: T,
    public previous: Node<T> | undefined,
  ) {}
}

/** What `push` returns, to leave the list by. */
export type ListNode<T> = Node<T>;

export class LinkedList<T> {
  #first: Node<T> | undefined;
  #last: Node<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first?.value;
  }

  /** Where the first one stands. */
  get head(): ListNode<T> | undefined {
    return this.#first;
  }

  /** Where the last one stands. */
  get tail(): ListNode<T> | undefined {
    return this.#last;
  }

  push(value: T): ListNode<T> {
    const node = new Node(value, this.#last);
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#size += 1;
    return node;
  }

  /** Takes the first one off; undefined when empty. */
  shift(): T | undefined {
    const node = this.#first;
    if (node !== undefined) this.remove(node);
    return node?.value;
  }

  /** Idempotent. */
  remove(node: ListNode<T>): void {
    if (!node.listed) return;
    node.listed = false;
    if (node.previous === undefined) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#last = node.previous;
    else node.next.previous = node.previous;
    node.previous = node.next = undefined;
    this.#size -= 1;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const { value } of this.nodes()) yield value;
  }

  /** The member at hand may leave meanwhile, no other. */
  *nodes(): Iterable<ListNode<T>> {
    for (let node = this.#first; node !== undefined;) {
      const { next } = node;
      yield node;
      node = next;
    }
  }
}
