/** Fences that were drawn for a tenure and not used yet, in increasing order. */
export class FenceSupply {
  readonly #blocks: { next: number; left: number }[] = [];
  #left = 0;
  #floor = 0;

  /** Adds `count` consecutive ones. They must be above all that were added before. */
  add(first: number, count: number): this {
    if (count > 0) this.#blocks.push({ next: first, left: count });
    this.#left += Math.max(0, count);
    this.#drop();
    return this;
  }

  /** Those up to `fence` must not be used any more, nor those of them that are still to come. */
  raise(fence: number): void {
    this.#floor = Math.max(this.#floor, fence);
    this.#drop();
  }

  get left(): number {
    return this.#left;
  }

  /** The next one. To be called only while some are left. */
  take(): number {
    const block = this.#blocks[0];
    if (block === undefined) throw new RangeError('No fence is left.');
    const fence = block.next;
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
