/** Fences that were drawn and are not used yet, in increasing order: of one batch, or of all permits of a key. */

/** Consecutive fences of one reply or offer. */
interface Block {
  next: number;
  left: number;
  readonly upTo: number;
}

export class FenceSupply {
  readonly #blocks: Block[] = [];
  #floor = 0;

  /**
   * Adds `count` consecutive fences. Fences that are not above the last one taken are dropped.
   * @param upTo the number of the last caller that waited in the queue when the fences were requested.
   */
  add(first: number, count: number, upTo = Infinity): this {
    if (count <= 0) return this;
    let at = this.#blocks.length;
    // Nearly always the new block is the last one, unless a later reply has overtaken this reply.
    while (at > 0 && this.#blocks[at - 1].next > first) at -= 1;
    const block = { next: first, left: count, upTo };
    if (at === this.#blocks.length) this.#blocks.push(block);
    else this.#blocks.splice(at, 0, block);
    this.#drop();
    return this;
  }

  /** Fences up to `fence` must not be used any more, even if they are added later. */
  raise(fence: number): void {
    this.#floor = Math.max(this.#floor, fence);
    this.#drop();
  }

  /**
   * Whether there is a fence for this caller. A caller's fence must be above the fences of all holds that had begun
   * when the caller arrived, so it must have been drawn since. A fence that is too old for this caller is too old for
   * all later callers, and is dropped.
   */
  hasFor(number: number): boolean {
    for (let block = this.#blocks[0]; block !== undefined; block = this.#blocks[0]) {
      if (block.upTo >= number) return true;
      this.#blocks.shift();
    }
    return false;
  }

  /** Takes the next fence. Must be called only while fences are left. */
  take(): number {
    const block = this.#blocks[0];
    if (block === undefined) throw new RangeError('No fence is left.');
    const fence = block.next;
    this.#floor = fence;
    block.next += 1;
    block.left -= 1;
    if (block.left === 0) this.#blocks.shift();
    return fence;
  }

  #drop(): void {
    for (
      let block = this.#blocks[0];
      block !== undefined && block.next <= this.#floor;
      block = this.#blocks[0]
    ) {
      const dropped = Math.min(block.left, this.#floor - block.next + 1);
      block.next += dropped;
      block.left -= dropped;
      if (block.left === 0) this.#blocks.shift();
    }
  }
}
