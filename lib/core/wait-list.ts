/** A first-in-first-out list whose members leave from anywhere in constant time. */

interface Node<T> {
  readonly value: T;
  previous: Node<T> | undefined;
  next: Node<T> | undefined;
  listed: boolean;
}

/** What `push` returns, to leave the list by. */
export type Place<T> = Node<T>;

export class WaitList<T> {
  #first: Node<T> | undefined;
  #last: Node<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first?.value;
  }

  push(value: T): Place<T> {
    const node: Node<T> = { value, previous: this.#last, next: undefined, listed: true };
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
  remove(node: Place<T>): void {
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
    for (let node = this.#first; node !== undefined;) {
      const next = node.next;
      yield node.value;
      node = next;
    }
  }
}
