/** Fences that were drawn and not used yet, in increasing order: of one batch, or of all permits of a coordinator. */
interface Block {
  next: number;
  left: number;
  readonly upTo: number;
}

export class FenceSupply {
  readonly #blocks: Block[] = [];
  #left = 0;
  #floor = 0;

  /**
   * Adds `count` consecutive ones. Any that are not above those given out already are dropped.
   * @param upTo the number of the last caller who waited in the queue when they were requested.
   */
  add(first: number, count: number, upTo = Infinity): this {
    if (count <= 0) return this;
    let at = this.#blocks.length;
    // Nearly always the last: only a reply that was overtaken is not.
    while (at > 0 && this.#blocks[at - 1].next > first) at -= 1;
    const block = { next: first, left: count, upTo };
    if (at === this.#blocks.length) this.#blocks.push(block);
    else this.#blocks.splice(at, 0, block);
    this.#left += count;
    this.#drop();
    return this;
  }

  /** Those up to `fence` must not be used any more, nor those of them that are still to come. */
  raise(fence: number): void {
    this.#floor = Math.max(this.#floor, fence);
    this.#drop();
  }

  /**
   * Is there one for this caller? Its fence must be above those of all who had begun when it came, so it was drawn
   * since; those that are too old for it are too old for all who follow.
   */
  hasFor(number: number): boolean {
    for (let block = this.#blocks[0]; block !== undefined; block = this.#blocks[0]) {
      if (block.upTo >= number) return true;
      this.#left -= block.left;
      this.#blocks.shift();
    }
    return false;
  }

  get left(): number {
    return this.#left;
  }

  /** The next one. To be called only while some are left. */
  take(): number {
    const block = this.#blocks[0];
    if (block === undefined) throw new RangeError('No fence is left.');
    const fence = block.next;
    this.#floor = fence;
    block.next += 1;
    block.left -= 1;
    this.#left -= 1;
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
      this.#left -= dropped;
      if (block.left === 0) this.#blocks.shift();
    }
  }
}
