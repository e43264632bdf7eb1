/**
 * Keys and errors over RPC, WebSocket and GraphQL, where Nest calls interceptors. The packages of these transports are
 * optional, so these tests do without them. The transports themselves are in test/transports.
 */
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger, SetMetadata } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import {
  isLockError,
  Locked,
  LockBusyError,
  LockKeyError,
  LockLostError,
  LockStoreError,
  type LockService,
} from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { defer, lastValueFrom, throwError } from 'rxjs';
import { parameterBindings, ROUTE_ARGS_METADATA } from '../../lib/locked/key/parameter-bindings.js';
import { eventually } from '../support/eventually.js';
import { LockErrorInterceptor } from '../../lib/error-mapping/lock-error.interceptor.js';
import type { LockedInterceptor } from '../../lib/locked/locked.interceptor.js';

type Keys = readonly string[];

/** Writes the metadata of @Payload('id'), @MessageBody('id') and @Args('id'): all three use the number of a body. */
function Payload(property?: string): ParameterDecorator {
  return (target, name, index) => {
    const host = target.constructor;
    const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, host, name as string) ?? {}) as object;
    const own = { [`3:${index}`]: { index, data: property, pipes: [] } };
    Reflect.defineMetadata(ROUTE_ARGS_METADATA, { ...args, ...own }, host, name as string);
  };
}

class Messages {
  constructor(private readonly locks: LockService) {}
  @Locked('m:{data.id}', { wait: 0 })
  async bound(@Payload('id') _id: number): Promise<Keys> {
    return this.locks.current().keys;
  }
  @Locked('m:{data.id}')
  async whole(@Payload() _data: object): Promise<Keys> {
    return this.locks.current().keys;
  }
  @Locked('m:{data}')
  async undecorated(..._args: unknown[]): Promise<Keys> {
    return this.locks.current().keys;
  }
  @Locked('m:{user.id}')
  async user(..._args: unknown[]): Promise<Keys> {
    return this.locks.current().keys;
  }
  @Locked('m:{headers.X-Id}')
  async headers(..._args: unknown[]): Promise<Keys> {
    return this.locks.current().keys;
  }
  @Locked('m:{params.id}')
  async params(..._args: unknown[]): Promise<Keys> {
    return this.locks.current().keys;
  }
  @Locked('m:{gql.input.id}')
  async gql(@Payload('input') _input: object): Promise<Keys> {
    return this.locks.current().keys;
  }
  @Locked('m:{gql.id}')
  async gqlRaw(..._args: unknown[]): Promise<Keys> {
    return this.locks.current().keys;
  }
}

let locks: LockService;
let messages: Messages;

beforeEach(() => {
  locks = memoryLocks();
  messages = provideLocks(new Messages(locks), locks);
});

/** Runs a handler as Nest does: first the interceptors of the method, then the method with the bound arguments. */
async function handle(
  type: string,
  method: keyof Messages,
  contextArgs: unknown[],
  bound: unknown[],
): Promise<unknown> {
  const handler = messages[method] as (...args: unknown[]) => Promise<unknown>;
  const context = new ExecutionContextHost(contextArgs, Messages, handler);
  context.setType(type);
  const [interceptor] = Reflect.getMetadata('__interceptors__', handler) as LockedInterceptor[];
  const call = { handle: () => defer(() => handler.apply(messages, bound)) };
  const mapping = new LockErrorInterceptor({ busyStatus: 423 });
  return lastValueFrom(mapping.intercept(context, { handle: () => interceptor.intercept(context, call) }));
}

describe('a key from a message', () => {
  const rpcArgs = [{ id: '07' }, { user: { id: 'u' } }];
  const wsArgs = [
    { data: { user: { id: 'u' } }, handshake: { headers: { 'x-id': 'h' } } },
    { id: '07' },
    'event',
  ];
  const gqlArgs = [undefined, { id: '07' }, { req: { headers: { 'x-id': 'h' }, user: { id: 'u' } } }, {}];

  it.each<[string, keyof Messages, unknown[], unknown[], Keys]>([
    ['rpc', 'bound', rpcArgs, [7], ['m:7']],
    ['rpc', 'whole', rpcArgs, [{ id: 7 }], ['m:7']],
    ['rpc', 'undecorated', ['raw'], ['piped'], ['m:piped']],
    ['rpc', 'user', rpcArgs, [], ['m:u']],
    ['ws', 'bound', wsArgs, [7], ['m:7']],
    ['ws', 'undecorated', [{}, 'raw'], [{}, 'piped'], ['m:piped']],
    ['ws', 'user', wsArgs, [], ['m:u']],
    ['ws', 'headers', wsArgs, [], ['m:h']],
    ['graphql', 'gql', gqlArgs, [{ id: 7 }], ['m:7']],
    ['graphql', 'gqlRaw', gqlArgs, [], ['m:07']],
    ['graphql', 'headers', gqlArgs, [], ['m:h']],
    ['graphql', 'user', gqlArgs, [], ['m:u']],
  ])(
    'given a %s context and the method "%s", then its key is made',
    async (type, method, contextArgs, bound, keys) => {
      expect(await handle(type, method, contextArgs, bound)).toEqual(keys);
    },
  );

  it('given a part that the transport lacks, then the error names it with those that can be read', async () => {
    const handler = messages.params as (...args: unknown[]) => Promise<unknown>;
    expect(parameterBindings(Messages, 'params')).toBeUndefined();
    const context = new ExecutionContextHost(rpcArgs, Messages, handler);
    context.setType('rpc');
    const [interceptor] = Reflect.getMetadata('__interceptors__', handler) as LockedInterceptor[];
    const call = { handle: () => defer(() => handler.apply(messages, [])) };
    const error: unknown = await lastValueFrom(interceptor.intercept(context, call)).catch(
      (thrown: unknown) => thrown,
    );
    const { cause } = error as Error;
    expect(cause).toBeInstanceOf(LockKeyError);
    expect((cause as Error).message).toMatch(
      /no \{params\.id\} in a context of type "rpc" \(what can be read: data, user\)/,
    );
  });
});

describe('a message handler that waits', () => {
  it('given an unsubscription by Nest, then the wait is cancelled, and the handler never runs', async () => {
    const held = await locks.acquire('m:7');
    const settled = jest.fn();
    const using = locks.using.bind(locks) as (...args: unknown[]) => Promise<unknown>;
    jest.spyOn(locks, 'using').mockImplementation((...args: unknown[]) => {
      const result = using(...args);
      result.catch(settled);
      return result;
    });
    const handler = messages.whole as (...args: unknown[]) => Promise<unknown>;
    const context = new ExecutionContextHost([{ id: 7 }, {}], Messages, handler);
    context.setType('rpc');
    const [interceptor] = Reflect.getMetadata('__interceptors__', handler) as LockedInterceptor[];
    const call = { handle: () => defer(() => handler.apply(messages, [{ id: 7 }])) };
    const subscription = interceptor.intercept(context, call).subscribe();
    expect(locks.using).toHaveBeenCalledTimes(1);
    expect(settled).not.toHaveBeenCalled();
    subscription.unsubscribe();
    await eventually(() => expect(settled).toHaveBeenCalledTimes(1));
    expect(settled.mock.calls[0]).toMatchObject([{ code: 'LOCK_ABORTED' }]);
    await held.release();
  });
});

describe('a field resolver', () => {
  class Fields {
    @SetMetadata('graphql:resolve_property', true)
    @Locked('f:{0}', { wait: 0 })
    async price(id: number): Promise<number> {
      if (id === 0) throw new Error('own');
      return id;
    }
    @Locked('f:{0}', { wait: 0 })
    async plain(id: number): Promise<number> {
      return id;
    }
  }

  it('given a busy key, then its error shows a client nothing secret, and keeps the original as cause', async () => {
    const fields = provideLocks(new Fields(), locks);
    const held = await locks.acquire('f:7');
    const error: unknown = await fields.price(7).catch((thrown: unknown) => thrown);
    const raw: unknown = await fields.plain(7).catch((thrown: unknown) => thrown);
    await held.release();
    expect(isLockError(error, 'LOCK_BUSY') && error).toBeInstanceOf(LockBusyError);
    expect(error).toMatchObject({ key: 'f:7', extensions: { code: 'LOCK_BUSY' } });
    const { message, stack } = error as Error;
    expect(`${message}${stack}${JSON.stringify(error)}`).not.toMatch(/f:7|\bat /);
    // The method without the metadata of a field throws the error as it is.
    expect(isLockError((error as Error).cause, 'LOCK_BUSY')).toBe(true);
    expect((raw as Error).message).toContain('f:7');
  });

  it('given a mistake, then it is logged; given an error of its own, then it passes through', async () => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const fields = provideLocks(new Fields(), locks);
    await expect(fields.price(0)).rejects.toThrow('own');
    expect(log).not.toHaveBeenCalled();
    const mistake: unknown = await fields.price(NaN).catch((thrown: unknown) => thrown);
    expect(mistake).toMatchObject({ code: 'LOCK_KEY', message: 'The request could not be completed.' });
    expect(log).toHaveBeenCalledTimes(1);
    log.mockRestore();
  });
});

describe('an error over a message transport', () => {
  class TransportException extends Error {
    constructor(private readonly error: object) {
      super('an exception of Nest');
    }
    getError(): object {
      return this.error;
    }
  }
  const busy = { status: 'error', code: 'LOCK_BUSY', message: expect.any(String), retryAfter: 30 };

  async function errorOf(type: string, error: unknown = undefined): Promise<unknown> {
    if (error === undefined) {
      const held = await locks.acquire('m:7');
      const result = handle(type, 'bound', [{ id: 7 }, { id: 7 }], [7]);
      return result.catch((thrown: unknown) => thrown).finally(() => held.release());
    }
    const context = new ExecutionContextHost([{}, {}, {}], Messages, messages.bound);
    context.setType(type);
    const call = { handle: () => throwError(() => error) };
    const result = new LockErrorInterceptor({ busyStatus: 423 }).intercept(context, call);
    return lastValueFrom(result).catch((thrown: unknown) => thrown);
  }

  it.each([
    ['rpc', '@nestjs/microservices', 'RpcException'],
    ['ws', '@nestjs/websockets', 'WsException'],
  ])(
    'given %s, then the error is of the exception class that its filters know',
    async (type, module, name) => {
      jest.unstable_mockModule(module, () => ({ [name]: TransportException }), { virtual: true });
      const error = await errorOf(type);
      expect(error).toBeInstanceOf(TransportException);
      expect((error as TransportException).getError()).toEqual(busy);
      expect((error as Error).cause).toBeInstanceOf(LockBusyError);
      expect(Object.keys(error as object)).toEqual(['error']);
    },
  );

  it('given graphql, then the error has extensions.code, and no stack but its own', async () => {
    const error = (await errorOf('graphql', new LockBusyError('secret', 0, 'host:1', 1))) as Error & {
      extensions: unknown;
    };
    expect(error.extensions).toEqual({ code: 'LOCK_BUSY', http: { status: 423 } });
    expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toMatch(/secret|host:1|\bat /);
    expect(error.cause).toBeInstanceOf(LockBusyError);
  });

  it.each([new LockStoreError('secret'), new LockLostError('secret', 'expired', 1)])(
    'given %s, then key and holder are not revealed',
    async (original) => {
      const error = (await errorOf('graphql', original)) as Error & { extensions: { code: string } };
      expect(error.extensions.code).toBe(original.code);
      expect(error.message).not.toContain('secret');
    },
  );

  it('given a context of another type, or another error, then the error passes through', async () => {
    const own = new LockBusyError('a', 0);
    expect(await errorOf('necord', own)).toBe(own);
    const other = new Error('own');
    expect(await errorOf('rpc', other)).toBe(other);
  });
});
