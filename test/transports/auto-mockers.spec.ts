/** The common auto-mockers. A mock of LockService does not run the work: @Locked notices, and throws. */
import { describe, expect, it, jest } from '@jest/globals';
import { createMock, type DeepMocked } from '@golevelup/ts-jest';
import { Inject, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TestBed } from '@suites/unit';
import { Locked, LockService, LockWiringError } from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';

// Suites reads the global `jest`, which native ES modules do not have.
Object.assign(globalThis, { jest });

@Injectable()
class Prices {
  async of(sku: string): Promise<number> {
    return sku.length;
  }
}

@Injectable()
class Stock {
  ran = 0;

  constructor(@Inject(Prices) private readonly prices: Prices) {}

  @Locked('stock:{0}')
  async take(sku: string): Promise<number> {
    this.ran += 1;
    return this.prices.of(sku);
  }
}

describe('providers mocked by useMocker(createMock) of @golevelup/ts-jest', () => {
  it('given a mock of LockService, then a locked method throws LockWiringError and does not run', async () => {
    const module = await Test.createTestingModule({ providers: [Stock] })
      .useMocker(createMock)
      .compile();
    const stock = module.get(Stock);
    await expect(stock.take('a')).rejects.toThrow(LockWiringError);
    expect(stock.ran).toBe(0);
  });

  it('given provideLocks, or a real LockService for its token, then a locked method runs', async () => {
    const module = await Test.createTestingModule({ providers: [Stock] })
      .useMocker(createMock)
      .compile();
    module.get<DeepMocked<Prices>>(Prices).of.mockResolvedValue(5);
    expect(await provideLocks(module.get(Stock)).take('a')).toBe(5);
    const other = await Test.createTestingModule({ providers: [Stock, Prices] })
      .useMocker((token) => (token === LockService ? memoryLocks() : createMock<object>()))
      .compile();
    expect(await other.get(Stock).take('abc')).toBe(3);
  });
});

describe('providers mocked by TestBed of @suites/unit', () => {
  it('given a solitary unit, then a locked method throws LockWiringError, and runs after provideLocks', async () => {
    const { unit, unitRef } = await TestBed.solitary(Stock).compile();
    await expect(unit.take('a')).rejects.toThrow(LockWiringError);
    expect(unit.ran).toBe(0);
    const prices = unitRef.get(Prices) as unknown as { of: { mockResolvedValue(value: number): void } };
    prices.of.mockResolvedValue(5);
    expect(await provideLocks(unit).take('a')).toBe(5);
    expect(unit.ran).toBe(1);
  });

  it('given a sociable unit, then a locked method throws LockWiringError, and runs after provideLocks', async () => {
    const { unit } = await TestBed.sociable(Stock).expose(Prices).compile();
    await expect(unit.take('a')).rejects.toThrow(LockWiringError);
    expect(await provideLocks(unit).take('abc')).toBe(3);
  });
});
