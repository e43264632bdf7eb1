/** Options of the module: defaults, checks, and error messages that show no password. */
import { hostname } from 'node:os';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { resolveAcquire, resolvePolicy, resolveUsing } from '../../lib/core/options/resolve-options.js';
import type { LockStore } from '../../lib/core/contracts/store.contract.js';
import { resolveLockedOptions } from '../../lib/locked/locked.options.js';
import { type LockError, isLockError } from '../../lib/errors/index.js';
import type { LockModuleOptions } from '../../lib/interfaces/lock-module-options.interface.js';
import {
  checkAsyncOptions,
  checkExtras,
  resolveModuleOptions,
} from '../../lib/module/resolve-module-options.js';
import { IOREDIS_OPTIONS, nearMiss, TLS_OPTIONS } from '../../lib/stores/redis/opening/ioredis-options.js';
import { redactError, redactUrl } from '../../lib/errors/redact.js';

const store: LockStore = {
  open: () => {
    throw new Error('No session may be opened in this spec.');
  },
  close: () => Promise.resolve(),
};

function untyped(value: unknown): never {
  return value as never;
}

function refusal(run: () => unknown): LockError {
  try {
    run();
  } catch (error) {
    if (isLockError(error, 'LOCK_OPTIONS')) return error;
    throw error;
  }
  throw new Error('The options were accepted.');
}

/** All that a log, a serializer or a debugger could show of an error. */
function everythingOf(error: LockError): string {
  const { value } = error as LockError & { value: unknown };
  return `${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}${inspect(value, { depth: 9 })}`;
}

const refused = (options: unknown) => refusal(() => resolveModuleOptions(untyped(options)));

describe('given the options of the module', () => {
  it('then an empty object has the documented defaults', () => {
    expect(resolveModuleOptions({})).toEqual({
      target: {
        kind: 'redis',
        redis: { kind: 'url', url: 'redis://localhost:6379' },
        prefix: 'lock:',
        commandTimeout: 2_000,
      },
      owner: `${hostname()}:${process.pid}`,
      policy: {
        ttl: 30_000,
        wait: 10_000,
        renew: true,
        maxHold: Infinity,
        minHold: 0,
        reentry: 'throw',
        within: undefined,
        access: { kind: 'exclusive', limit: 1 },
        signal: undefined,
        onLost: 'throw',
      },
      maxWaiters: Infinity,
      longHold: 60_000,
      inspection: 'auto',
      log: 'text',
      busyStatus: 423,
      mapErrors: true,
      mappingGiven: [],
    });
  });

  it('then undefined counts as "not given", as for an unset variable of the environment', () => {
    const unset: LockModuleOptions = { prefix: undefined, store: undefined, http: {} };
    expect(resolveModuleOptions(unset)).toEqual(resolveModuleOptions({}));
  });

  it('then "redis: undefined" without a store is refused, because locks would be on localhost', () => {
    const error = refused({ redis: undefined });
    expect(error).toMatchObject({ option: 'redis', value: undefined });
    expect(error.message).toMatch(/"redis" is given as undefined.*unset variable.*leave the option out/);
    expect(refused({ redis: undefined, store: undefined })).toMatchObject({ option: 'redis' });
    // Options may be an instance of a class, with getters on the prototype.
    class Options {
      get redis(): undefined {
        return undefined;
      }
    }
    expect(refused(new Options())).toMatchObject({ option: 'redis' });
    expect(resolveModuleOptions({ redis: undefined, store }).target).toEqual({ kind: 'store', store });
  });

  it('then all options can be given together', () => {
    const options = resolveModuleOptions({
      redis: { host: 'redis', port: 6380 },
      prefix: '',
      owner: 'worker-1',
      commandTimeout: '500ms',
      defaults: { ttl: '5s' },
      maxWaiters: 10,
      longHold: '5m',
      inspection: 'off',
      http: { busyStatus: 409 },
      mapErrors: false,
    });
    expect(options).toMatchObject({
      target: {
        kind: 'redis',
        redis: { kind: 'settings', settings: { host: 'redis', port: 6380 } },
        prefix: '',
        commandTimeout: 500,
      },
      owner: 'worker-1',
      policy: { ttl: 5_000 },
      maxWaiters: 10,
      longHold: 300_000,
      inspection: 'off',
      busyStatus: 409,
      mapErrors: false,
    });
  });

  it('then a store is accepted as the target', () => {
    expect(resolveModuleOptions({ store }).target).toEqual({ kind: 'store', store });
  });

  it.each([
    ['prefix', 5],
    ['prefix', null],
    ['owner', ''],
    ['owner', 'a\nb'],
    ['owner', 'x'.repeat(129)],
    ['commandTimeout', 0],
    ['commandTimeout', 'soon'],
    ['longHold', 0],
    ['inspection', true],
    ['log', true],
    ['log', 'json'],
    ['inspection', 'never'],
    ['longHold', Infinity],
    ['maxWaiters', 0],
    ['maxWaiters', 1.5],
    ['maxWaiters', '3'],
    ['mapErrors', 'no'],
    ['http', 423],
    ['http', null],
    ['defaults', '30s'],
    ['store', null],
    ['store', {}],
    ['redis', 42],
    ['redis', null],
    ['redis', true],
    ['redis', ''],
    ['redis', [{ host: 'a' }]],
  ])('then an invalid %s, %p, is refused by its name', (name, value) => {
    const error = refused({ [name]: value });
    // Of an object only the shape is shown, because the object may contain secrets.
    expect(error).toMatchObject({ option: name, value: Object(value) === value ? undefined : value });
    expect(error.message).toMatch(new RegExp(`^The lock option "${name}" is .*(must be|either)`));
  });

  it.each([
    [{ defaults: { ttl: 10 } }, 'defaults.ttl'],
    [{ defaults: { tll: 10 } }, 'defaults.tll'],
    [{ http: { busyStatus: 200 } }, 'http.busyStatus'],
    [{ http: { busyStatus: '423' } }, 'http.busyStatus'],
    [{ http: { status: 423 } }, 'http.status'],
    [{ redis: { port: Number.NaN } }, 'redis.port'],
    [{ redis: { port: 65_536 } }, 'redis.port'],
    [{ redis: { host: '' } }, 'redis.host'],
    [{ redis: { db: -1 } }, 'redis.db'],
    [{ redis: { sentinels: [{ host: 'a' }] } }, 'redis.name'],
    [{ redis: { url: 'redis://a' } }, 'redis.url'],
    [{ redis: { connection: { host: 'a' } } }, 'redis.connection'],
    [{ redis: { host: undefined, port: 6379 } }, 'redis.host'],
    [{ redis: { host: null } }, 'redis.host'],
    [{ redis: { path: undefined } }, 'redis.path'],
    [{ redis: { sentinels: undefined, name: 'mymaster' } }, 'redis.sentinels'],
    [{ redis: { name: 'mymaster' } }, 'redis.sentinels'],
    [{ redis: { sentinels: [{ port: 26_379 }], name: 'mymaster' } }, 'redis.sentinels.0.host'],
    [{ redis: { sentinels: [{ host: 'a', port: 0 }], name: 'mymaster' } }, 'redis.sentinels.0.port'],
    [{ redis: { sentinels: ['a:26379'], name: 'mymaster' } }, 'redis.sentinels.0'],
  ])('then %j is refused by the path %s', (options, path) => {
    const error = refused(options);
    expect(error).toMatchObject({ option: path });
    expect(error.message).toContain(`"${path}"`);
  });

  it('then the error messages are sentences that name the cure', () => {
    expect(refused({ redis: 42 }).message).toBe(
      `The lock option "redis" is 42; it must be a URL such as 'redis://localhost:6379', ioredis options such as ` +
        `{ host, port }, or a Redis or Cluster of ioredis.`,
    );
    expect(refused({ http: { busyStatus: 200 } }).message).toBe(
      'The lock option "http.busyStatus" is 200; it must be an HTTP status from 400 to 599, such as 423, 409 or 503.',
    );
    expect(refused({ reids: 'redis://a' }).message).toBe(
      `There is no lock option "reids". Did you mean "redis"?`,
    );
    expect(refused({ url: 'redis://a' }).message).toBe(
      `There is no lock option "url". Did you mean "redis"?`,
    );
    expect(refused({ ttl: '5s' }).message).toBe(
      'There is no lock option "ttl" of the module itself. Did you mean "defaults.ttl"? Write defaults: { ttl: … }.',
    );
    expect(refused({ busyStatus: 409 }).message).toMatch(/Write http: \{ busyStatus: … \}\.$/);
    expect(refused({ store, redis: 'redis://a' }).message).toBe(
      'The lock option "redis" is for Redis, and "store" takes the place of Redis: give only one of the two.',
    );
  });

  it('then "store" together with an option for Redis is refused', () => {
    expect(refused({ store, prefix: 'x:' })).toMatchObject({ option: 'prefix' });
    expect(refused({ store, commandTimeout: '1s' })).toMatchObject({ option: 'commandTimeout' });
  });

  it('then a store function that was not called is refused, and a client in place of a store, too', () => {
    function memoryStore() {
      return store;
    }
    expect(refused({ store: memoryStore }).message).toMatch(/call memoryStore\(\), do not pass it/);
    const client = new Redis({ lazyConnect: true });
    expect(refused({ store: client }).message).toMatch(/a client of Redis goes to "redis"/);
  });

  it.each([undefined, null, 'redis://localhost', 5, []])('then %p from a factory is refused', (value) => {
    expect(refused(value).message).toMatch(/factory must return it/);
  });

  it('then "name" from a factory is refused, and the error says where it belongs', () => {
    expect(refused({ name: 'billing' }).message).toMatch(/Give it to LockModule\.forRootAsync\(\) itself/);
  });
});

describe('given the option "redis"', () => {
  it.each([
    'redis://localhost',
    'redis://localhost:6379',
    'redis://localhost:6379/3',
    'redis://:secret@localhost:6379/',
    'rediss://user:p%40ss@redis.example.com:6380/0?family=6',
    'redis://[::1]:6379',
    '/run/redis.sock',
    '/run/redis.sock?db=2',
  ])('then the URL %s is accepted', (url) => {
    expect(resolveModuleOptions({ redis: url }).target).toMatchObject({ redis: { kind: 'url', url } });
  });

  it('then a scheme in capitals keeps TLS, although ioredis does not know such a scheme', () => {
    expect(resolveModuleOptions({ redis: 'REDISS://h:1' }).target).toMatchObject({
      redis: { url: 'rediss://h:1' },
    });
  });

  it.each([
    ['localhost:6379', /does not begin with redis:\/\/ or rediss:\/\//],
    ['http://localhost', /does not begin with/],
    ['//localhost', /does not begin with/],
    ['redis://', /names no host|cannot be read/],
    ['redis://host:port', /cannot be read/],
    ['redis://host:70000', /cannot be read/],
    ['redis://host/orders', /number of a database/],
    ['redis://:100%@host', /as %25/],
    ['redis://host?db=orders', /"db" is not the number of a database/],
    ['/run/redis.sock?db=orders', /"db" is not the number of a database/],
    ['redis://host?sentinels=a:1', /cannot name sentinels/],
    ['redis://host?database=3', /ioredis calls it "db"/],
  ])('then the URL %s is refused', (url, message) => {
    expect(refused({ redis: url }).message).toMatch(message);
  });

  it.each([
    'redis://user:hunter2@host:port',
    'redis://:hunter2@host/orders',
    'redis://user:hun/ter2@host',
    'redis://user:hunter2@x@host:port',
    'redis://user:hunter2%@host',
    'user:hunter2@host:6379',
    'http://user:hunter2@host',
    'redis://host:port?password=hunter2&db=1',
  ])('then an error shows %s without its password', (url) => {
    const error = refused({ redis: url });
    const everything = inspect(error, { depth: 5, showHidden: true }) + JSON.stringify(error);
    expect(everything).not.toMatch(/hun|ter2/);
    expect(error.message).toContain('host');
  });

  it.each([
    { redis: [{ host: 'a', password: 'hunter2' }] },
    { store: { host: 'a', password: 'hunter2' } },
    { store: new Redis({ lazyConnect: true, password: 'hunter2' }) },
    { reids: 'redis://user:hunter2@host' },
    { reids: { host: 'a', password: 'hunter2' } },
    { password: 'hunter2' },
    { redis: { port: 0, password: 'hunter2' } },
    { redis: { uri: 'redis://:hunter2@host' } },
    { redis: { sendCommand() {}, options: { password: 'hunter2' } } },
    // A misspelt name does not show that its value is a password.
    { pasword: 'hunter2' },
    { passphrase: ['hunter2'] },
    { credentials: Symbol('hunter2') },
    { defaults: { pasword: 'hunter2' } },
    { http: { apiKey: 'hunter2' } },
    { redis: [{ host: 'a', pasword: 'hunter2' }] },
    { store: { host: 'a', pasword: 'hunter2' } },
    { store, redis: 'redis://user:hunter2@host' },
    { store, redis: { host: 'a', password: 'hunter2' } },
    { prefix: { pasword: 'hunter2' } },
    { commandTimeout: 'redis://user:hunter2@host' },
    'redis://user:hunter2@host',
    'user:hunter2@host',
    ['hunter2'],
  ])('then no password is shown for other mistakes, in the message and in the error (%#)', (options) => {
    expect(everythingOf(refused(options))).not.toContain('hunter2');
  });

  it.each([
    ['forRootAsync', () => checkAsyncOptions(untyped({ useFactory: () => ({}), pasword: 'hunter2' }))],
    [
      'forRootAsync, beside the factory',
      () => checkAsyncOptions(untyped({ useFactory: () => ({}), redis: 'redis://:hunter2@host' })),
    ],
    ['an acquisition', () => resolveAcquire(untyped({ pasword: 'hunter2' }), resolvePolicy())],
    ['using', () => resolveUsing(untyped({ pasword: { of: 'hunter2' } }), resolvePolicy())],
    ['@Locked', () => resolveLockedOptions(untyped({ pasword: 'hunter2' }))],
  ])('then the value of an unknown option of %s is not shown', (_where, work) => {
    const error = refusal(work);
    expect(error).toMatchObject({ option: expect.stringMatching(/pasword|redis/) });
    expect(everythingOf(error)).not.toContain('hunter2');
  });

  it('then the name of an unknown option is escaped and cut', () => {
    expect(refused({ 'a\nb': 1 }).message).toContain('"a\\nb"');
    expect(refused({ ['x'.repeat(100_000)]: 1 }).message.length).toBeLessThan(500);
  });

  it('then a password of the wrong type is named and not shown', () => {
    const error = refused({ redis: { password: 12_345_678 } });
    expect(inspect(error, { showHidden: true })).not.toContain('12345678');
  });

  it.each([
    ['Redis of ioredis 6', () => new Redis({ lazyConnect: true })],
    ['Redis of ioredis 5', () => new Redis5({ lazyConnect: true })],
    ['Cluster of ioredis 6', () => new Cluster([{ port: 1 }], { lazyConnect: true })],
    ['Cluster of ioredis 5', () => new Cluster5([{ port: 1 }], { lazyConnect: true })],
  ])('then a %s is recognised by its structure', (_title, make) => {
    const client = make();
    expect(resolveModuleOptions({ redis: client }).target).toMatchObject({ redis: { kind: 'client' } });
  });

  it('then a client of another library is refused, and option names of other libraries, too', () => {
    const nodeRedis = { sendCommand() {}, connect() {}, duplicate() {}, on() {} };
    expect(refused({ redis: nodeRedis }).message).toMatch(/not of ioredis/);
    expect(refused({ redis: { socket: { host: 'a' } } }).message).toMatch(/of the package "redis"/);
    expect(refused({ redis: { nodes: [] } }).message).toMatch(/new Cluster/);
  });

  it.each([
    ['redis.hots', { hots: 'x' }, 'redis.host'],
    ['redis.Host', { Host: 'x' }, 'redis.host'],
    ['redis.prot', { host: 'x', prot: 6380 }, 'redis.port'],
    ['redis.dbs', { host: 'x', dbs: 3 }, 'redis.db'],
    ['redis.pasword', { host: 'x', pasword: 'hunter2' }, 'redis.password'],
    ['redis.sentinel', { sentinel: [], name: 'mymaster' }, 'redis.sentinels'],
    ['redis.key_prefix', { host: 'x', key_prefix: 'a:' }, 'redis.keyPrefix'],
    ['redis.failOverDetector', { host: 'x', failOverDetector: true }, 'redis.failoverDetector'],
    [
      'redis.sentinels.1.hots',
      { sentinels: [{ host: 'a' }, { hots: 'b' }], name: 'm' },
      'redis.sentinels.1.host',
    ],
    [
      'redis.tls.rejectUnauthorised',
      { host: 'x', tls: { rejectUnauthorised: true } },
      'redis.tls.rejectUnauthorized',
    ],
    ['redis.sentinelTLS.certs', { host: 'x', sentinelTLS: { certs: '' } }, 'redis.sentinelTLS.cert'],
    ['redis.dbb', 'redis://x?dbb=3', 'redis.db'],
    ['redis.dbb', '/run/redis.sock?dbb=3', 'redis.db'],
  ])(
    'then %s, close to a name of ioredis, is refused, and the error suggests that name',
    (option, redis, meant) => {
      const error = refused({ redis });
      expect(error).toMatchObject({ option });
      expect(error.message).toContain(`did you mean "${meant}"?`);
      expect(inspect(error, { showHidden: true })).not.toContain('hunter2');
    },
  );

  it('then a name that is unknown to ioredis and close to none of its names is passed on', () => {
    const settings = { host: 'x', quicTransport: true, tls: { hybridKeyShare: true } };
    expect(resolveModuleOptions({ redis: settings }).target).toMatchObject({ redis: { settings } });
  });

  it('then each option with a default in ioredis 5 or 6 is known', () => {
    for (const { options } of [new Redis({ lazyConnect: true }), new Redis5({ lazyConnect: true })]) {
      expect(IOREDIS_OPTIONS).toEqual(expect.arrayContaining(Object.keys(options)));
    }
    for (const known of [IOREDIS_OPTIONS, TLS_OPTIONS]) {
      expect(known.filter((name) => nearMiss(name, known) !== undefined)).toEqual([]);
    }
  });

  it('then empty options mean the defaults of ioredis: localhost', () => {
    expect(resolveModuleOptions({ redis: {} }).target).toMatchObject({ redis: { kind: 'settings' } });
    expect(resolveModuleOptions({ redis: { port: 6380 } }).target).toMatchObject({
      redis: { kind: 'settings' },
    });
  });

  it('then options of ioredis are passed on, strings of digits included', () => {
    const settings = { host: 'h', port: untyped('6380'), db: 2, enableAutoPipelining: true, tls: {} };
    expect(resolveModuleOptions({ redis: settings }).target).toMatchObject({
      redis: { kind: 'settings', settings },
    });
  });
});

describe('given extras and asynchronous options', () => {
  it.each([[''], [5], [null], [Symbol('x')]])('then the name %p is refused', (name) => {
    expect(refusal(() => checkExtras({ name: untyped(name) }))).toMatchObject({ option: 'name' });
  });

  it('then an isGlobal that is not a boolean is refused', () => {
    expect(refusal(() => checkExtras({ isGlobal: untyped('false') }))).toMatchObject({ option: 'isGlobal' });
  });

  it('then exactly one of useFactory, useClass and useExisting is accepted', () => {
    const useFactory = () => ({});
    class Factory {
      createLockOptions = () => ({});
    }
    checkAsyncOptions({ useFactory, inject: [], imports: [], name: 'a', isGlobal: false });
    expect(refusal(() => checkAsyncOptions({})).message).toMatch(/exactly one of .*; it got none/);
    expect(refusal(() => checkAsyncOptions({ useFactory, useClass: Factory })).message).toMatch(
      /it got useFactory and useClass/,
    );
    expect(refusal(() => checkAsyncOptions(untyped({ useFactory: {} })))).toMatchObject({
      option: 'useFactory',
    });
  });

  it('then misspelt names and options beside the factory are refused', () => {
    expect(refusal(() => checkAsyncOptions(untyped({ usefactory: () => ({}) }))).message).toMatch(
      /Did you mean "useFactory"\?/,
    );
    const useFactory = () => ({});
    expect(refusal(() => checkAsyncOptions(untyped({ useFactory, prefix: 'x:' }))).message).toMatch(
      /Return it from the factory/,
    );
  });
});

describe('given a URL or an error with a password', () => {
  it('then the password is replaced, and the rest is kept', () => {
    expect(redactUrl('redis://user:secret@host:6379/2')).toBe('redis://***@host:6379/2');
    expect(redactUrl('redis://host:6379')).toBe('redis://host:6379');
    expect(redactUrl('redis://host?password=a&db=2')).toBe('redis://host?password=***&db=2');
  });

  it('then the password is removed from the error of a failed login', () => {
    const error = Object.assign(new Error('WRONGPASS'), {
      command: { name: 'hello', args: [3, 'AUTH', 'u', 'secret'] },
    });
    expect(inspect(redactError(error), { depth: 5 })).not.toContain('secret');
    const other = Object.assign(new Error('x'), { command: { name: 'get', args: ['a'] } });
    expect(redactError(other).command.args).toEqual(['a']);
    expect(redactError(undefined)).toBeUndefined();
  });
});
