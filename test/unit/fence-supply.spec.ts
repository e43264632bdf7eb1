import { describe, expect, it } from '@jest/globals';
import { FenceSupply } from '../../lib/core/leases/fence-supply.js';

function rest(supply: FenceSupply): number[] {
  const fences: number[] = [];
  while (supply.hasFor(1)) fences.push(supply.take());
  return fences;
}

describe('given a supply of fences', () => {
  it('then it returns the fences that were added, in order', () => {
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
  ])('then only higher fences are left once it was raised to %p', (fence, left) => {
    const supply = new FenceSupply().add(5, 2).add(20, 2);
    supply.raise(fence);
    expect(rest(supply)).toEqual(left);
  });

  it('then fences that are added after it was raised count only above that value', () => {
    const supply = new FenceSupply().add(1, 1);
    supply.raise(10);
    supply.raise(3);
    expect(rest(supply.add(9, 4))).toEqual([11, 12]);
  });

  it('then an empty supply throws a RangeError', () => {
    expect(() => new FenceSupply().take()).toThrow(RangeError);
  });
});
