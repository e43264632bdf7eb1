/** Code that `@Locked` refuses at compile time, with the message of the compiler, and code that it must accept. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Complaint, compile } from './compile.js';
import { emitInstalled } from './installed.js';

const IMPORTS = `
import { applyDecorators, Body, Controller, type ExecutionContext, Get, Param, Post, Sse, StreamableFile } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { Observable } from 'rxjs';
import { Locked, fromContext, lockKey, LockBusyError } from 'nestjs-locked';
import type { AcquireOptions, Lock, LockedKey, LockedOptions, LockService, UsingOptions } from 'nestjs-locked';
interface Mine extends UsingOptions { ttl: '5s' }
declare const seats: { id: string };
declare const locks: LockService;
declare const lock: Lock;
declare const some: LockedOptions;
declare const mine: Mine;
const ByName = <K extends string>(key: K) => Locked(key, { wait: 0 });
`;

/** By title: the members of a class, the marked source text, and a part of the message. */
const REFUSED: Record<string, { code: string; at: string; says: string }> = {
  'a synchronous method': {
    code: `@Locked('a') take(): number { return 1; }`,
    at: `@Locked('a') take`,
    says: 'a locked method must be asynchronous',
  },
  'a void method': {
    code: `@Locked('a') take(): void {}`,
    at: `@Locked('a') take`,
    says: 'a locked method must be asynchronous',
  },
  'a key function with another parameter': {
    code: `@Locked((sku: number) => lockKey\`stock:\${sku}\`) async take(sku: string) {}`,
    at: '@Locked((sku: number)',
    says: 'do not accept the arguments of the method',
  },
  'a key function with more parameters': {
    code: `@Locked((sku: string, n: number) => lockKey\`stock:\${sku}:\${n}\`) async take(sku: string) {}`,
    at: '@Locked((sku: string, n: number)',
    says: 'do not accept the arguments of the method',
  },
  'a key function of a required parameter on an optional one': {
    code: `@Locked((sku: string) => lockKey\`stock:\${sku}\`) async take(sku?: string) {}`,
    at: '@Locked((sku: string)',
    says: 'do not accept the arguments of the method',
  },
  'a parameter without annotation': {
    code: `@Locked((sku) => lockKey\`stock:\${sku}\`) async take(sku: string) {}`,
    at: '@Locked((sku)',
    says: 'annotate the parameters of the key function',
  },
  'a second parameter without annotation': {
    code: `@Locked((sku: string, n) => lockKey\`stock:\${sku}:\${n}\`) async take(sku: string, n: number) {}`,
    at: '@Locked((sku: string, n)',
    says: 'annotate the parameters of the key function',
  },
  'a key function that returns a promise': {
    code: `@Locked(async (sku: string) => sku) async take(sku: string) {}`,
    at: '@Locked(async',
    says: `is not assignable to`,
  },
  'undefined in lockKey': {
    code: `@Locked((sku?: string) => lockKey\`stock:\${sku}\`) async take(sku?: string) {}`,
    at: '@Locked((sku?: string)',
    says: `'undefined' is not assignable to type 'LockKeyValue'`,
  },
  'a document in lockKey, with a text that shows its contents': {
    code: `take(doc: { id: string; toJSON(): object; toString(): string }) { return lockKey\`order:\${doc}\`; }`,
    at: 'take(doc:',
    says: `is not assignable to parameter of type 'LockKeyValue'`,
  },
  'an object that has a toString alone, in lockKey': {
    code: `take(sku: { toString(): string }) { return lockKey\`order:\${sku}\`; }`,
    at: 'take(sku: { toString',
    says: `is not assignable to parameter of type 'LockKeyValue'`,
  },
  'an argument that is not there': {
    code: `@Locked('a:{5}') async take(sku: string, n: number) {}`,
    at: `@Locked('a:{5}')`,
    says: 'the key names {5}, and the method has no argument 5',
  },
  'a path of an argument that is not there': {
    code: `@Locked('a:{0}:{2.sku}') async take(sku: string, n: number) {}`,
    at: `@Locked('a:{0}:{2.sku}')`,
    says: 'the key names {2}, and the method has no argument 2',
  },
  'an argument that is not there, in a list': {
    code: `@Locked(['a:{0}', 'b:{3}']) async take(sku: string) {}`,
    at: `@Locked(['a:{0}', 'b:{3}'])`,
    says: 'the key names {3}, and the method has no argument 3',
  },
  'a misspelt parameter in a key function': {
    code: `@Locked((sku: string) => lockKey\`stock:\${skuu}\`) async take(sku: string) {}`,
    at: '@Locked((sku: string)',
    says: `Cannot find name 'skuu'`,
  },
  'a misspelt property in a key function': {
    code: `@Locked((dto: { sku: string }) => lockKey\`stock:\${dto.skuu}\`) async take(dto: { sku: string }) {}`,
    at: '@Locked((dto: { sku: string })',
    says: `Property 'skuu' does not exist`,
  },
  'a key function of another object': {
    code: `@Locked((dto: { skuu: string }) => lockKey\`stock:\${dto.skuu}\`) async take(dto: { sku: string }) {}`,
    at: '@Locked((dto: { skuu: string })',
    says: 'do not accept the arguments of the method',
  },
  'an unknown root': {
    code: `@Locked('order:{id}') async pay(id: number) {}`,
    at: `@Locked('order:{id}')`,
    says: `the key names {id}, which is neither an argument's index nor params`,
  },
  '${…} in plain quotes': {
    code: `@Locked('order:\${id}') async pay(id: number) {}`,
    at: `@Locked('order:\${id}')`,
    says: '${…} in plain quotes is never filled in',
  },
  'skip on a method whose result excludes undefined': {
    code: `@Locked('a', { onBusy: 'skip' }) async take(): Promise<number> { return 1; }`,
    at: `@Locked('a', { onBusy: 'skip' })`,
    says: `onBusy: 'skip' returns undefined, which the result of the method excludes`,
  },
  'skip on an Observable': {
    code: `@Locked('a', { onBusy: 'skip' }) take(): Observable<number> { return new Observable(); }`,
    at: `@Locked('a', { onBusy: 'skip' })`,
    says: `onBusy: 'skip' returns undefined, which the result of the method excludes`,
  },
  'an onBusy function with another result': {
    code: `@Locked('a', { onBusy: () => 'no' }) async take(): Promise<number> { return 1; }`,
    at: `@Locked('a', { onBusy: () => 'no' })`,
    says: 'onBusy returns something else than the method does',
  },
  'an onBusy function with other parameters': {
    code: `@Locked('a', { onBusy: (error, n: number) => 0 }) async take(sku: string): Promise<number> { return 1; }`,
    at: `@Locked('a', { onBusy: (error, n: number)`,
    says: 'the parameters of onBusy do not accept (error, …arguments of the method)',
  },
  'an onBusy parameter without annotation': {
    code: `@Locked('a', { onBusy: (error, sku) => 0 }) async take(sku: string): Promise<number> { return 1; }`,
    at: `@Locked('a', { onBusy: (error, sku)`,
    says: 'annotate the parameters of onBusy',
  },
  'a misspelt option': {
    code: `@Locked('a', { ttL: '30s' }) async take() {}`,
    at: `@Locked('a', { ttL: '30s' })`,
    says: `'ttL' does not exist in type`,
  },
  'a misspelt option among right ones': {
    code: `@Locked('a', { ttl: '30s', minhold: '5s', onLost: 'warn' }) async take() {}`,
    at: `@Locked('a', { ttl: '30s', minhold: '5s'`,
    says: `'minhold' does not exist in type`,
  },
  'an option of the module': {
    code: `@Locked('a', { commandTimeout: '2s' }) async take() {}`,
    at: `@Locked('a', { commandTimeout: '2s' })`,
    says: `'commandTimeout' does not exist in type`,
  },
  'a misspelt option beside onBusy': {
    code: `@Locked('a', { onBusy: 'skip', waits: 1 }) async take() {}`,
    at: `@Locked('a', { onBusy: 'skip', waits: 1 })`,
    says: `'waits' does not exist in type`,
  },
  'an unknown onBusy': {
    code: `@Locked('a', { onBusy: 'ignore' }) async take() {}`,
    at: `@Locked('a', { onBusy: 'ignore' })`,
    says: `"ignore"' is not assignable to type`,
  },
  'reentry that is a boolean': {
    code: `@Locked('a', { reentry: true }) async take() {}`,
    at: `@Locked('a', { reentry: true })`,
    says: `'true' is not assignable to type 'Reentry`,
  },
  'within, as no lock is held yet': {
    code: `@Locked('a', { within: lock }) async take() {}`,
    at: `@Locked('a', { within: lock })`,
    says: `'within' does not exist in type`,
  },
  'holdUntil something else': {
    code: `@Locked('a', { holdUntil: 'sent' }) async take() {}`,
    at: `@Locked('a', { holdUntil: 'sent' })`,
    says: `'"sent"' is not assignable to type '"response"'`,
  },
  'abortOn something else': {
    code: `@Locked('a', { abortOn: 'close' }) async take() {}`,
    at: `@Locked('a', { abortOn: 'close' })`,
    says: `'"close"' is not assignable to type '"disconnect"'`,
  },
  'a duration without a unit': {
    code: `@Locked('a', { ttl: '30' }) async take() {}`,
    at: `@Locked('a', { ttl: '30' })`,
    says: `'"30"' is not assignable to type`,
  },
  'a mode and a limit': {
    code: `@Locked('a', { mode: 'shared', limit: 3 }) async take() {}`,
    at: `@Locked('a', { mode: 'shared', limit: 3 })`,
    says: `not assignable to type 'undefined'`,
  },
  'a misspelt mode': {
    code: `@Locked('a', { mod: 'shared' }) async take() {}`,
    at: `@Locked('a', { mod: 'shared' })`,
    says: `'mod' does not exist in type`,
  },
  'a mode in capitals': {
    code: `@Locked('a', { mode: 'Shared' }) async take() {}`,
    at: `@Locked('a', { mode: 'Shared' })`,
    says: `Did you mean '"shared"'?`,
  },
  'a limit that is no number': {
    code: `@Locked('a', { limit: '3' }) async take() {}`,
    at: `@Locked('a', { limit: '3' })`,
    says: `'string' is not assignable to type 'number'`,
  },
  'a status for a busy lock that is skipped': {
    code: `@Locked('a', { onBusy: 'skip', busyStatus: 409 }) async take() {}`,
    at: `@Locked('a', { onBusy: 'skip', busyStatus: 409 })`,
    says: `is not assignable to type`,
  },
  'a status for a busy lock that a function answers': {
    code: `@Locked('a', { onBusy: () => 0, busyStatus: 409 }) async take(): Promise<number> { return 1; }`,
    at: `@Locked('a', { onBusy: () => 0, busyStatus: 409 })`,
    says: `is not assignable to type`,
  },
  'a mode and a limit, of using': {
    code: `take() { return locks.using('a', { mode: 'shared', limit: 3 }, () => 1); }`,
    at: `mode: 'shared', limit: 3`,
    says: `not assignable to type 'undefined'`,
  },
  'a mode and a limit, of using with a result that is named': {
    code: `take() { return locks.using<number>('a', { mode: 'shared', limit: 3 }, () => 1); }`,
    at: `mode: 'shared', limit: 3`,
    says: `not assignable to type 'undefined'`,
  },
  'a mode and a limit, of acquire': {
    code: `take() { return locks.acquire('a', { mode: 'exclusive', limit: 3 }); }`,
    at: `mode: 'exclusive', limit: 3`,
    says: `not assignable to type 'undefined'`,
  },
  'a mode and a limit, of tryAcquire': {
    code: `take() { return locks.tryAcquire('a', { mode: 'shared', limit: 3 }); }`,
    at: `mode: 'shared', limit: 3`,
    says: `not assignable to type 'undefined'`,
  },
  'a misspelt limit, of acquire': {
    code: `take() { return locks.acquire('a', { ttl: 100, limits: 3 }); }`,
    at: 'limits: 3',
    says: `'limits' does not exist in type`,
  },
  'a misspelt mode, of using': {
    code: `take() { return locks.using('a', { wait: 0, mod: 'shared' }, () => 1); }`,
    at: `mod: 'shared'`,
    says: `'mod' does not exist in type`,
  },
  'a wait, of tryAcquire': {
    code: `take() { return locks.tryAcquire('a', { wait: 1, mode: 'shared' }); }`,
    at: 'wait: 1',
    says: `'wait' does not exist in type`,
  },
  'a property with an arrow function': {
    code: `@Locked('a') take = async () => {};`,
    at: `@Locked('a') take`,
    says: '@Locked is for methods: write the property as a method, async name() { … }',
  },
  'a static property': {
    code: `@Locked('a') static take = async () => {};`,
    at: `@Locked('a') static take`,
    says: '@Locked is for methods: write the property as a method, async name() { … }',
  },
  'a static method': {
    code: `@Locked('a') static async take() {}`,
    at: `@Locked('a') static`,
    says: '@Locked cannot lock a static method, as Nest injects into instances only: make it a method of an instance',
  },
  'a getter': {
    code: `@Locked('a') get take(): number { return 1; }`,
    at: `@Locked('a') get`,
    says: '@Locked is for methods: write the getter or setter as a method, async name() { … }',
  },
  'a setter': {
    code: `@Locked('a') set take(n: number) {}`,
    at: `@Locked('a') set`,
    says: '@Locked is for methods: write the getter or setter as a method, async name() { … }',
  },
  'a class': {
    code: `} @Locked('a') export class Whole {`,
    at: `@Locked('a') export class`,
    says: '@Locked is for methods: put it on each method of the class that is to run under the lock',
  },
  'a parameter': {
    code: `async take(@Locked('a') sku: string) {}`,
    at: `@Locked('a') sku`,
    says: '@Locked is for methods',
  },
  'a method that returns a stream': {
    code: `@Locked('a') take(): Readable { return null!; }`,
    at: `@Locked('a') take`,
    says: 'a locked method must be asynchronous',
  },
  'a method that may return an iterator or a number': {
    code: `@Locked('a') take(): AsyncIterableIterator<number> | number { return 1; }`,
    at: `@Locked('a') take`,
    says: 'a locked method must be asynchronous',
  },
  'an argument that no overload has': {
    code: `take(sku: string, n: number): Promise<void>; take(sku: string): Promise<void>;
    @Locked('a:{2}') async take(sku: string, n?: number) {}`,
    at: `@Locked('a:{2}')`,
    says: 'the key names {2}, and the method has no argument 2',
  },
  'an argument that is not there, by a custom decorator': {
    code: `@ByName('a:{5}') async take(sku: string) {}`,
    at: `@ByName('a:{5}')`,
    says: 'the key names {5}, and the method has no argument 5',
  },
  'a synchronous method, in a class with type parameters': {
    code: `} export class Of<T> { @Locked('a') take(of: T): T[] { return [of]; }`,
    at: `@Locked('a') take`,
    says: 'a locked method must be asynchronous',
  },
  'an argument that is not there, in a class with type parameters': {
    code: `} export class Of<T> { @Locked('a:{1}') async take(of: T) {}`,
    at: `@Locked('a:{1}') async take`,
    says: 'the key names {1}, and the method has no argument 1',
  },
  'a key function of more parameters, in a class with type parameters': {
    code: `} export class Of<T> { @Locked((of: T, n: number) => lockKey\`a:\${n}\`) async take(of: T) {}`,
    at: '@Locked((of: T, n: number)',
    says: 'do not accept the arguments of the method',
  },
  'a parameter without annotation, in a class with type parameters': {
    code: `} export class Of<T> { @Locked((of: T, n) => lockKey\`a:\${n}\`) async take(of: T, n: number) {}`,
    at: '@Locked((of: T, n)',
    says: 'annotate the parameters of the key function',
  },
  'skip where the result does not depend on them, in a class with type parameters': {
    code: `} export class Of<T> { @Locked('a', { onBusy: 'skip' }) async take(of: T): Promise<number> { return 1; }`,
    at: `@Locked('a', { onBusy: 'skip' })`,
    says: `onBusy: 'skip' returns undefined`,
  },
  'no key': {
    code: `@Locked() async take() {}`,
    at: '@Locked()',
    says: 'Expected 1-2 arguments, but got 0',
  },
};

const ACCEPTED: Record<string, string> = {
  'a static key': `@Locked('a') async take() {}`,
  'a method of everything': `@Locked('a') async take(...all: unknown[]): Promise<any> {}`,
  'a template of arguments': `@Locked('a:{0}:{1.sku}') async take(id: number, dto: { sku: string }) {}`,
  // This code closes the class around it.
  'a class with type parameters, and a path into one': `} export class Of<T extends { sku: string }> { @Locked('a:{0.sku}') async take(of: T) {}`,
  'a template of an optional argument': `@Locked('a:{1}') async take(id: number, n?: number) {}`,
  'a template of rest arguments': `@Locked('a:{7}') async take(...ids: number[]) {}`,
  'a template of the request': `@Get(':id') @Locked('a:{params.id}:{query.x}:{body.y.z}:{headers.x-id}:{user.id}:{data}:{gql.x}')
    async pay(@Param('id') id: string, @Body() body: { y: { z: string } }) {}`,
  'doubled braces': `@Locked('a:{{id}}:{0}') async take(sku: string) {}`,
  'a key that is no literal': `@Locked(seats.id) async take() {}`,
  'several keys': `@Locked(['a:{0}', 'b']) async take(id: number) {}`,
  'several keys from elsewhere': `@Locked([seats.id, 'b']) async take(id: number) {}`,
  'a key function of fewer parameters': `@Locked((sku: string) => lockKey\`stock:\${sku}\`) async take(sku: string, n: number) {}`,
  'a key function of all parameters': `@Locked((sku: string, n: number) => lockKey\`stock:\${sku}:\${n}\`) async take(sku: string, n: number) {}`,
  'value objects in lockKey': `take(
      id: { toHexString(): string; toJSON(): string }, price: { toJSON(): string }, at: { toJSON(zone?: boolean): string | null },
      of: { [Symbol.toPrimitive](hint: string): string | number }, url: URL, day: Date, brand: string & { __brand: 'Sku' }) {
    return lockKey\`a:\${id}:\${price}:\${at}:\${of}:\${url}:\${day}:\${brand}:\${5n}:\${true}\`;
  }`,
  'a key function of none': `@Locked(() => 'a') async take(sku: string) {}`,
  'a key function of wider parameters': `@Locked((sku: string | number) => lockKey\`stock:\${sku}\`) async take(sku: string) {}`,
  'a key function of several keys': `@Locked((from: string, to: string) => [lockKey\`a:\${from}\`, lockKey\`a:\${to}\`]) async move(from: string, to: string) {}`,
  fromContext: `@Locked(fromContext((ctx: ExecutionContext) => ctx.getType())) async take() {}`,
  'all options': `@Locked('a', { ttl: '30s', wait: 100, renew: false, maxHold: '1m', minHold: '5s', reentry: 'join', onLost: 'warn', service: 'billing', busyStatus: 409, holdUntil: 'response', abortOn: 'disconnect' }) async take() {}`,
  'a shared lock': `@Locked('a', { mode: 'shared', onBusy: 'throw', busyStatus: 409 }) async take() {}`,
  'a semaphore': `@Locked('a', { limit: 3, ttl: '5s', onBusy: 'skip' }) async take() {}`,
  'a semaphore with an onBusy of the arguments': `@Locked('a', { limit: 3, onBusy: (error, sku: string) => error.waited + sku.length }) async take(sku: string): Promise<number> { return 1; }`,
  'options that are declared elsewhere': `@Locked('a', some) async take() {}`,
  'options of an interface that extends them': `@Locked('a', mine) async take() {}`,
  'options that are no literal': `@Locked('a', { ...mine, wait: 0 }) async take() {}`,
  'declared options, and those of extending interfaces, in the service': `take(
      using: UsingOptions, acquiring: AcquireOptions, maybe?: UsingOptions) {
    return [
      locks.acquire('a'), locks.acquire('a', undefined), locks.acquire('a', {}), locks.acquire('a', acquiring),
      locks.acquire('a', { mode: 'shared' }), locks.acquire('a', { limit: 3, ttl: '3s' }),
      locks.tryAcquire('a', { mode: 'shared' }), locks.tryAcquire('a', { limit: 1 }),
      locks.using('a', using, () => 1), locks.using('a', maybe, () => 1), locks.using('a', mine, () => 1),
      locks.using('a', { ...using, ttl: 100 }, () => 1), locks.using<number>('a', { limit: 3 }, () => 1),
      locks.using<number>('a', { mode: 'exclusive', onLost: 'warn' }, () => 1), locks.using('a', async (lock) => lock.fence),
      locks.using('a', undefined, () => 1), locks.using('a', { mode: 'shared' }, async (lock) => lock.fence),
    ];
  }`,
  'an Observable': `@Locked('a') take(): Observable<number> { return new Observable(); }`,
  'a promise of an Observable': `@Sse() @Locked('a') async take(): Promise<Observable<{ data: string }>> { return new Observable(); }`,
  'an async generator': `@Locked('a') async *take() { yield 1; }`,
  'a file': `@Get() @Locked('a') async take(): Promise<StreamableFile> { return new StreamableFile(new Uint8Array()); }`,
  'skip on void': `@Locked('a', { onBusy: 'skip', minHold: '30s' }) async report(): Promise<void> {}`,
  'skip on an optional result': `@Locked('a', { onBusy: 'skip' }) async take(): Promise<number | undefined> { return 1; }`,
  'an onBusy function of the error': `@Locked('a', { onBusy: (error) => error.waited }) async take(): Promise<number> { return 1; }`,
  'an onBusy function of the arguments': `@Locked('a', { onBusy: (error: LockBusyError, sku: string) => sku.length }) async take(sku: string): Promise<number> { return 1; }`,
  'an onBusy function that is async': `@Locked('a', { onBusy: async () => 0 }) async take(): Promise<number> { return 1; }`,
  'an onBusy function that throws': `@Locked('a', { onBusy: (): never => { throw new Error(); } }) async take(): Promise<number> { return 1; }`,
  'an onBusy function for an Observable': `@Locked('a', { onBusy: () => new Observable<number>() }) take(): Observable<number> { return new Observable(); }`,
  'a use in applyDecorators': `} const Paying = () => applyDecorators(Post('x'), Locked('a'));
  export class Of { @Paying() async take() {}`,
  'a use in applyDecorators, with a key function and options': `} const Paying = () => applyDecorators(
    Post('x'), Locked((id: number) => lockKey\`a:\${id}\`, { onBusy: 'skip' }), Locked(['b:{0}'], { wait: 0 }), Locked('c', some));
  export class Of { @Paying() async take(id: number) {}`,
  'a use as a MethodDecorator': `} const decorators: MethodDecorator[] = [
    Locked('a'), Locked('a:{0}'), Locked((id: number) => lockKey\`a:\${id}\`), Locked('a', { onBusy: () => 1 }),
    Locked(fromContext(() => 'a')), Locked('a', some)];
  const own = (): MethodDecorator => Locked('a');
  const keyed = <K extends LockedKey>(key: K): MethodDecorator => Locked(key);
  export class Of { @own() @keyed('b') @(decorators[0]) async take() {}`,
  'a custom decorator': `@ByName('a:{0}') async take(sku: string) {}`,
  'a key function of a type parameter': `} export class Of<T extends { id: number }> {
    @Locked((of: T) => lockKey\`a:\${of.id}\`) async take(of: T) {}`,
  'a key function of what a type parameter extends': `} export class Of<T extends { id: number }> {
    @Locked((of: { id: number }) => lockKey\`a:\${of.id}\`) async take(of: T, n: number) {}`,
  'a key function of a list of parameters': `} export class Of<A extends unknown[]> {
    @Locked((...of: A) => lockKey\`a:\${of.length}\`) async take(...of: A) {}`,
  'skip on an optional type parameter': `} export class Of<T extends { id: number }> {
    @Locked('a', { onBusy: 'skip' }) async take(): Promise<T | undefined> { return undefined; }`,
  'skip on what depends on a type parameter': `} export class Of<T> {
    @Locked('a', { onBusy: 'skip' }) async take(of: T): Promise<T> { return of; }`,
  'an onBusy function of a type parameter': `} export class Of<T extends { id: number }> {
    @Locked('a', { onBusy: (error, of: T) => of }) async take(of: T): Promise<T> { return of; }`,
  'a list of parameters, and a place in it': `} export class Of<A extends unknown[]> {
    @Locked('a') async take(...a: A) {} @Locked('a:{0}:{1}') async give(...a: A) {}`,
  'a result that is a type parameter': `} export class Of<P extends Promise<unknown>> {
    @Locked('a') take(of: P): P { return of; }`,
  'an async generator that is declared as an iterator': `
    @Locked('a') async *one(): AsyncIterableIterator<number> { yield 1; }
    @Locked('a') async *two(): AsyncIterable<number> { yield 1; }
    @Locked('a') async *three(): AsyncIterator<number> { yield 1; }`,
  'an argument that the last overload lacks': `take(sku: string, n: number): Promise<void>; take(sku: string): Promise<void>;
    @Locked('a:{1}') async take(sku: string, n?: number) {}`,
  'a key function of rest parameters': `@Locked((...ids: number[]) => lockKey\`a:\${ids.length}\`) async take(...ids: number[]) {}`,
  'a method with type parameters': `@Locked((id: number) => lockKey\`a:\${id}\`) async take<T>(id: number, of: T): Promise<T> { return of; }`,
};

let complaints: Record<string, Complaint[]>;

beforeAll(() => {
  const codes = [...Object.values(REFUSED).map(({ code }) => code), ...Object.values(ACCEPTED)];
  complaints = compile(
    Object.fromEntries(
      codes.map((code, at) => [String(at), `${IMPORTS}\nexport class Stock {\n  ${code}\n}\n`]),
    ),
  );
}, 120_000);

describe('given code that @Locked must refuse', () => {
  it.each(Object.keys(REFUSED).map((title, at) => [title, at] as const))(
    'then the compiler refuses %s',
    (title, at) => {
      const { at: marked, says } = REFUSED[title];
      const found = complaints[at];
      expect(found.map(({ message }) => message).join('\n')).toContain(says);
      expect(found[0].code).toContain(marked);
    },
  );
});

describe('given code that @Locked must accept', () => {
  it.each(Object.keys(ACCEPTED).map((title, at) => [title, at] as const))(
    'then the compiler accepts %s',
    (_, at) => {
      expect(complaints[Object.keys(REFUSED).length + at]).toEqual([]);
    },
  );
});

describe('given an exported custom decorator, in a project with "declaration"', () => {
  it('then its type is one that the package exports', () => {
    const { complaints, declarations } = emitInstalled(`
      import { fromContext, Locked, lockKey, type LockedOptions } from 'nestjs-locked';
      export const Plain = () => Locked('a');
      export const Skipping = () => Locked((id: number) => lockKey\`a:\${id}\`, { onBusy: 'skip' });
      export const Tenant = () => Locked(fromContext(() => 'a'));
      export const Given = (options: LockedOptions) => Locked(['a', 'b'], options);
      export const Answering = () => Locked('a', { onBusy: (error) => error.waited });
    `);
    expect(complaints).toEqual([]);
    expect(declarations).toContain(
      'export declare const Plain: () => import("nestjs-locked").LockedDecorator<"a",',
    );
  }, 120_000);
});
