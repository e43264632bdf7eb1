/** `@Locked` above decorators that replace a method, as aspect libraries do. Nest's metadata of the method must stay. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  HttpCode,
  Inject,
  Injectable,
  Post,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Locked, LockModule, LockService, memoryStore } from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** A decorator with a wrapper that inherits all metadata of the original, and has none of its own. */
const Wrap =
  (): MethodDecorator =>
  (_target, _name, descriptor: PropertyDescriptor): void => {
    const original = descriptor.value as Method;
    const wrapper: Method = function (...args) {
      return Reflect.apply(original, this, args);
    };
    descriptor.value = Object.setPrototypeOf(wrapper, original) as unknown;
  };

const Role = (role: string): MethodDecorator => SetMetadata('role', role);

@Injectable()
class Deny implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class HasRole implements CanActivate {
  constructor(@Inject(Reflector) private readonly reflector: Reflector) {}
  canActivate(context: ExecutionContext): boolean {
    return this.reflector.get('role', context.getHandler()) === 'anyone';
  }
}

@Controller()
class Orders {
  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Post('guard')
  @Locked('a')
  @Wrap()
  @UseGuards(Deny)
  async guard(): Promise<void> {}

  @Locked('a')
  @Wrap()
  @Wrap()
  @UseGuards(Deny)
  @Post('route')
  async route(): Promise<void> {}

  @Wrap()
  @Locked('a')
  @Wrap()
  @UseGuards(Deny)
  @Post('between')
  async between(): Promise<void> {}

  @Post('guards')
  @UseGuards(Deny)
  @Locked('a')
  @Wrap()
  @UseGuards(HasRole)
  @Role('anyone')
  async guards(): Promise<void> {}

  @Post('role')
  @Locked('a')
  @Wrap()
  @UseGuards(HasRole)
  @Role('nobody')
  async role(): Promise<void> {}

  @Post('allowed')
  @Locked('allowed')
  @Wrap()
  @HttpCode(202)
  @UseGuards(HasRole)
  @Role('anyone')
  async allowed(): Promise<readonly string[]> {
    return this.locks.current().keys;
  }
}

describe.each(PLATFORMS)('@Locked above a wrapper that inherits its metadata, on %s', (_, adapter) => {
  let http: HttpApp;

  beforeAll(async () => {
    http = await startHttp(adapter, {
      imports: [LockModule.forRoot({ store: memoryStore() })],
      controllers: [Orders],
    });
  });
  afterAll(() => http.app.close());

  it.each(['guard', 'route', 'between', 'guards', 'role'])(
    'given a guard below @Locked at %s, then it refuses as without @Locked',
    async (path) => {
      expect((await http.post(`/${path}`)).status).toBe(403);
    },
  );

  it('given a status and a role below @Locked, then they apply, and the method runs under its lock', async () => {
    const response = await http.post('/allowed');
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual(['allowed']);
  });
});

describe('a locked method stands for the method that it wraps', () => {
  const MARK = Symbol('mark');

  /** The method that a decorator above `@Locked` gets. */
  function locked(original: Method): Method {
    const descriptor = { value: original, configurable: true, writable: true, enumerable: false };
    const decorate = Locked('a') as (target: object, name: string, descriptor: PropertyDescriptor) => void;
    decorate({ constructor: Object }, 'take', descriptor);
    return descriptor.value;
  }

  it('given own and inherited metadata, then each stays what it was, and the own one wins', () => {
    const [base, original]: Method[] = [async () => {}, async () => {}];
    Object.setPrototypeOf(original, base);
    Reflect.defineMetadata('both', 'base', base);
    Reflect.defineMetadata('base', 'base', base);
    Reflect.defineMetadata('both', 'own', original);
    const wrapper = locked(original);
    expect(Reflect.getMetadata('base', wrapper)).toBe('base');
    expect(Reflect.hasOwnMetadata('base', wrapper)).toBe(false);
    expect(Reflect.getOwnMetadata('both', wrapper)).toBe('own');
    // A library may add metadata to its own function when the application starts.
    Reflect.defineMetadata('later', 'base', base);
    expect(Reflect.getMetadata('later', wrapper)).toBe('base');
  });

  it('given metadata on the chain of constructors, then it is found', () => {
    // In a class compiled to ES5, only the prototype shows the base. reflect-metadata finds the base there too.
    const base = function (): void {};
    const original = function (): void {};
    original.prototype = Object.create(base.prototype as object);
    Reflect.defineMetadata('base', 'base', base);
    expect(Reflect.getMetadata('base', original)).toBe('base');
    expect(Reflect.getMetadata('base', locked(original as Method))).toBe('base');
  });

  it('given symbol properties and getters, then they are read through it, own and inherited', () => {
    const base = Object.defineProperties(async () => {}, {
      [MARK]: { value: 'inherited' },
      state: { get: () => 'live' },
    });
    const original = Object.defineProperties(async () => {}, {
      label: { get: () => 'own getter', enumerable: true },
    });
    Object.setPrototypeOf(original, base);
    const wrapper = locked(original);
    expect(Reflect.get(wrapper, MARK)).toBe('inherited');
    expect(wrapper).toHaveProperty('state', 'live');
    expect(Object.getOwnPropertyDescriptor(wrapper, 'label')).toEqual(
      Object.getOwnPropertyDescriptor(original, 'label'),
    );
    expect(Object.hasOwn(wrapper, 'state')).toBe(false);
  });

  it('given a decorator above @Locked, then what it adds does not reach the original', () => {
    const original: Method = async () => {};
    Reflect.defineMetadata('role', 'below', original);
    const wrapper = locked(original);
    Reflect.defineMetadata('role', 'above', wrapper);
    Object.assign(wrapper, { mark: true });
    expect(Reflect.getMetadata('role', original)).toBe('below');
    expect(original).not.toHaveProperty('mark');
  });

  it('given an async generator under two locks, then both locks are held while it runs', async () => {
    class Feed {
      constructor(private readonly locks: LockService) {}
      @Locked('outer')
      @Locked('inner')
      async *read(): AsyncGenerator<readonly string[]> {
        yield this.locks.current('outer').keys;
        yield this.locks.current('inner').keys;
      }
    }
    const locks = memoryLocks();
    const seen: Array<readonly string[]> = [];
    for await (const keys of provideLocks(new Feed(locks), locks).read()) seen.push(keys);
    expect(seen).toEqual([['outer'], ['inner']]);
  });
});
