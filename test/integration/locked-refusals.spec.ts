/** Options, keys and places that `@Locked` refuses when it decorates. */
import { describe, expect, it } from '@jest/globals';
import { type LockedKey, Locked, LockKeyError, LockOptionsError, LockWiringError } from 'nestjs-locked';
import { provideLocks } from 'nestjs-locked/testing';

describe('what @Locked refuses at decoration', () => {
  const decorate =
    (key: unknown, options?: object): unknown =>
    () =>
      Locked(key as LockedKey, options as never);

  it.each<[string, unknown, RegExp]>([
    ['an option', { waits: 1 }, /no lock option "waits".*Did you mean "wait"/],
    ['an option of the decorator', { onbusy: 'skip' }, /no lock option "onbusy".*Did you mean "onBusy"/],
    ['a ttl', { ttl: '30' }, /"ttl" is '30'/],
    ['an onBusy', { onBusy: 'ignore' }, /"onBusy" is 'ignore'; it must be 'throw', 'skip' or a function/],
    ['a service', { service: '' }, /"service" is ''/],
    ['a holdUntil', { holdUntil: 'sent' }, /"holdUntil" is 'sent'; it must be 'response', or left out/],
    ['an abortOn', { abortOn: true }, /"abortOn" is true; it must be 'disconnect', or left out/],
    ['a busyStatus', { busyStatus: 200 }, /"busyStatus" is 200; it must be an HTTP error status/],
    [
      'a busyStatus beside an onBusy that answers',
      { busyStatus: 409, onBusy: 'skip' },
      /"busyStatus" is 409; it must be left out where "onBusy" answers/,
    ],
    ['a string for the options', 'skip', /an object of options/],
  ])('given the invalid case of %s, then it throws LockOptionsError', (_, options, message) => {
    expect(decorate('a', options as object)).toThrow(LockOptionsError);
    expect(decorate('a', options as object)).toThrow(message);
  });

  it.each<[string, unknown, RegExp]>([
    ['an empty string', '', /empty string/],
    ['an empty list', [], /the list is empty/],
    ['a list with an empty string', ['a', ''], /empty string/],
    ['undefined', undefined, /must be a string/],
    ['${…} in plain quotes', 'order:${id}', /in plain quotes/],
  ])('given a key that is %s, then it throws LockKeyError', (_, key, message) => {
    expect(decorate(key)).toThrow(LockKeyError);
    expect(decorate(key)).toThrow(message);
  });

  describe('a key with an argument that the method does not have', () => {
    const unseen = (key: string | string[]): string => key as string;

    it.each<[string, string | string[], RegExp]>([
      [
        'an index beyond two parameters',
        'a:{5}',
        /"a:\{5\}" of Service\.take names \{5\}, .* has 2 parameters, \{0\} to \{1\}\. .*from 0/,
      ],
      ['a path into a missing argument', 'a:{2.sku}', /names \{2\.sku\}, and the method has 2 parameters/],
      ['a missing argument in a list of keys', ['a:{0}', 'b:{3}'], /"b:\{3\}" of Service\.take names \{3\}/],
    ])('given %s, then it throws LockKeyError with the parameters that exist', (_, key, message) => {
      const define = () => {
        class Service {
          @Locked(unseen(key))
          async take(_sku: string, _n = 1): Promise<void> {}
        }
        return Service;
      };
      expect(define).toThrow(LockKeyError);
      expect(define).toThrow(message);
    });

    it('given one parameter or none, then the message says so', () => {
      const one = () => {
        class Service {
          @Locked(unseen('a:{1}'))
          async take(_sku: string): Promise<void> {}
        }
        return Service;
      };
      const none = () => {
        class Service {
          @Locked(unseen('a:{0}'))
          async take(): Promise<void> {}
        }
        return Service;
      };
      expect(one).toThrow(/has one parameter, \{0\}\./);
      expect(none).toThrow(/has no parameters\./);
    });

    it('given defaults, rest arguments or `arguments`, then the key is accepted', async () => {
      class Service {
        @Locked(unseen('a:{1}'))
        async preset(_sku: string, _n = 1): Promise<void> {}
        @Locked(unseen('a:{3}'))
        async rest(..._ids: number[]): Promise<void> {}
        @Locked(unseen('a:{2}'))
        async all(_sku?: string): Promise<number> {
          return arguments.length;
        }
      }
      const service = provideLocks(new Service());
      await service.preset('a', 2);
      await service.rest(0, 1, 2, 3);
      const all = service.all as (...args: unknown[]) => Promise<number>;
      expect(await all.call(service, 'a', 'b', 'c')).toBe(3);
    });
  });

  it('given a key function that returns no key, then the call fails and names the function', async () => {
    class Service {
      @Locked(((id: number) => Promise.resolve(`a:${id}`)) as unknown as (id: number) => string)
      async promised(_id: number): Promise<void> {}
      @Locked((() => undefined) as unknown as () => string)
      async nothing(): Promise<void> {}
    }
    const service = provideLocks(new Service());
    await expect(service.promised(1)).rejects.toThrow(
      /The key function of Service\.promised returned a promise/,
    );
    await expect(service.nothing()).rejects.toThrow(/The key function of Service\.nothing: .*undefined/);
  });

  describe('a decorator without parentheses', () => {
    const Bare = Locked as unknown as ClassDecorator &
      MethodDecorator &
      PropertyDecorator &
      ParameterDecorator;

    it.each<[string, () => unknown]>([
      [
        'a method',
        () => {
          class Stock {
            @Bare async take(): Promise<void> {}
          }
          return Stock;
        },
      ],
      [
        'a property with the name of a symbol',
        () => {
          class Stock {
            @Bare readonly [Symbol.iterator] = 1;
          }
          return Stock;
        },
      ],
      [
        'a parameter',
        () => {
          class Stock {
            async take(@Bare _sku: string): Promise<void> {}
          }
          return Stock;
        },
      ],
      [
        'a class',
        () => {
          @Bare
          class Stock {}
          return Stock;
        },
      ],
      [
        'a standard decorator',
        () => (Bare as (value: unknown, context: object) => void)(() => {}, { kind: 'method', name: 'take' }),
      ],
    ])('given %s, then the error says what to write', (_place, declare) => {
      expect(declare).toThrow(LockWiringError);
      expect(declare).toThrow(/^@Locked needs a key: write @Locked\('key'\)\.$/);
    });
  });

  describe('a place that is no method of an instance', () => {
    /** The compiler refuses it in each of these places. */
    const Anywhere = Locked('a') as unknown as ClassDecorator &
      MethodDecorator &
      PropertyDecorator &
      ParameterDecorator;
    const AS_METHOD = 'write it as a method, such as async name() { … }.';

    it.each<[string, () => unknown, string]>([
      [
        'a class',
        () => {
          @Anywhere
          class Stock {}
          return Stock;
        },
        '@Locked is for methods, and Stock is a class: put it on each method that is to run under the lock.',
      ],
      [
        'a getter',
        () => {
          class Stock {
            @Anywhere get take(): number {
              return 1;
            }
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.take is a getter: ${AS_METHOD}`,
      ],
      [
        'a setter',
        () => {
          class Stock {
            @Anywhere set take(_n: number) {}
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.take is a setter: ${AS_METHOD}`,
      ],
      [
        'a static getter',
        () => {
          class Stock {
            @Anywhere static get take(): number {
              return 1;
            }
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.take is a getter: ${AS_METHOD}`,
      ],
      [
        'an arrow function in a property',
        () => {
          class Stock {
            @Anywhere take = async (): Promise<void> => {};
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.take is a property: ${AS_METHOD}`,
      ],
      [
        'a field',
        () => {
          class Stock {
            @Anywhere left = 1;
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.left is a property: ${AS_METHOD}`,
      ],
      [
        'a static field',
        () => {
          class Stock {
            @Anywhere static left = 1;
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.left is a property: ${AS_METHOD}`,
      ],
      [
        'a static method',
        () => {
          class Stock {
            @Anywhere static async take(): Promise<void> {}
          }
          return Stock;
        },
        '@Locked cannot lock the static method Stock.take, as Nest injects into instances only: make it a method of an instance.',
      ],
      [
        'a generator that is not async, whose steps would run without the lock',
        () => {
          class Stock {
            @Anywhere *take(): Generator<number> {
              yield 1;
            }
          }
          return Stock;
        },
        'Stock.take is @Locked and a generator (function*). Its steps would run without the lock, after the method has returned: write it as "async *".',
      ],
      [
        'a parameter',
        () => {
          class Stock {
            async take(@Anywhere _sku: string): Promise<void> {}
          }
          return Stock;
        },
        '@Locked is for methods, and it stands on a parameter of Stock.take: put it on the method itself.',
      ],
      [
        'a parameter of a constructor',
        () => {
          class Stock {
            constructor(@Anywhere readonly sku: string) {}
          }
          return Stock;
        },
        '@Locked is for methods, and it stands on a parameter of Stock: put it on the method itself.',
      ],
      [
        'a class without a name',
        () => Reflect.decorate([Anywhere], class {}),
        '@Locked is for methods, and this is a class: put it on each method that is to run under the lock.',
      ],
      [
        'the standard decorators, which Nest does not use',
        () =>
          (Anywhere as (value: unknown, context: object) => void)(() => {}, { kind: 'method', name: 'take' }),
        '@Locked needs "experimentalDecorators" in tsconfig.json, as Nest itself does.',
      ],
    ])('given %s, then it throws LockWiringError that says what to do', (_, define, message) => {
      expect(define).toThrow(LockWiringError);
      expect(define).toThrow(new LockWiringError(message));
    });
  });
});
