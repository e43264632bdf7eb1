/** Fences that were drawn for a tenure and not used yet, in increasing order. */
export class FenceSupply {
  readonly #blocks: { next: number; left: number }[] = [];
  #left = 0;

  /** Adds `count` consecutive ones. They must be above all that were added before. */
  add(first: number, count: number): this {
    if (count > 0) this.#blocks.push({ next: first, left: count });
    this.#left += Math.max(0, count);
    return this;
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
}
