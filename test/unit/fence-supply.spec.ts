import { describe, expect, it } from '@jest/globals';
import { FenceSupply } from '../../lib/core/leases/fence-supply.js';

function rest(supply: FenceSupply): number[] {
  return Array.from({ length: supply.left }, () => supply.take());
}

describe('a supply of fences', () => {
  it('gives out what was added, in order', () => {
    expect(rest(new FenceSupply().add(5, 2).add(10, 0).add(20, 1))).toEqual([5, 6, 20]);
  });

  it.each([
    [4, [5, 6, 20, 21]],
    [5, [6, 20, 21]],
    [6, [20, 21]],
    [15, [20, 21]],
    [20, [21]],
    [21, []],
    [99, []],
  ])('raised to %p gives out only higher ones', (fence, left) => {
    const supply = new FenceSupply().add(5, 2).add(20, 2);
    supply.raise(fence);
    expect(supply.left).toBe(left.length);
    expect(rest(supply)).toEqual(left);
  });

  it('raised before they come gives out only higher ones of them', () => {
    const supply = new FenceSupply().add(1, 1);
    supply.raise(10);
    supply.raise(3);
    expect(rest(supply.add(9, 4))).toEqual([11, 12]);
  });

  it('has none to give when it is empty', () => {
    expect(() => new FenceSupply().take()).toThrow(RangeError);
  });
});
