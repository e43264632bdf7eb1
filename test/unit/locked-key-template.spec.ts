/** Keys of `@Locked`: a template is parsed at decoration, and never again. */
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as templates from '../../lib/core/keys/key-template.js';

const parseTemplate = jest.fn(templates.parseTemplate);
const fillTemplate = jest.fn(templates.fillTemplate);
jest.unstable_mockModule('../../lib/core/keys/key-template.js', () => ({
  ...templates,
  parseTemplate,
  fillTemplate,
}));
const { Locked } = await import('../../lib/index.js');
const { LockControls, memoryLocks, provideLocks } = await import('../../lib/testing/index.js');

describe('given a template of @Locked', () => {
  beforeEach(() => void jest.clearAllMocks());

  it('then it is parsed once, at decoration, for all instances and calls', async () => {
    class Stock {
      @Locked('stock:{0}')
      async take(_sku: string): Promise<void> {}
      @Locked(['stock:{0}', 'stock:{1}'])
      async move(_from: string, _to: string): Promise<void> {}
    }
    const parsed = ['stock:{0}', 'stock:{0}', 'stock:{1}'];
    expect(parseTemplate.mock.calls.map(([source]) => source)).toEqual(parsed);
    expect(fillTemplate).not.toHaveBeenCalled();

    const controls = new LockControls();
    for (const stock of [new Stock(), new Stock()]) {
      provideLocks(stock, memoryLocks(controls));
      await stock.take('a');
      await stock.take('b');
      await stock.move('c', 'd');
    }
    expect(controls.calls.slice(0, 3).map(({ keys }) => keys)).toEqual([
      ['stock:a'],
      ['stock:b'],
      ['stock:c', 'stock:d'],
    ]);
    expect(fillTemplate).toHaveBeenCalledTimes(8);
    expect(parseTemplate).toHaveBeenCalledTimes(parsed.length);
  });

  it('then a template that cannot be parsed fails the definition of the class, not a call', () => {
    expect(() => {
      class Stock {
        @Locked(['stock:{sku}'].join())
        async take(_sku: string): Promise<void> {}
      }
      return Stock;
    }).toThrow(/names "sku"/);
  });
});
