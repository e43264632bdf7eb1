/** Locked service methods that resolve to a stream. The lock would not cover the stream, so the call is refused. */
import { EventEmitter, once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable, type Stream as NodeStream, Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type ExecutionContext, type NestInterceptor, StreamableFile } from '@nestjs/common';
import { Locked, type LockService, LockWiringError } from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { defer, lastValueFrom, Observable } from 'rxjs';
import { deferred } from '../support/deferred.js';

let locks: LockService;

beforeEach(() => {
  locks = memoryLocks();
});

async function isHeld(): Promise<boolean> {
  const lock = await locks.tryAcquire('feed');
  await lock?.release();
  return lock === null;
}

async function* numbers(): AsyncGenerator<number> {
  yield 1;
  throw new Error('It was read.');
}

describe('a locked service method that resolves to a stream, which the lock would not cover', () => {
  class Files {
    made: unknown;
    constructor(readonly make: () => unknown) {}

    @Locked('feed')
    async open(): Promise<unknown> {
      this.made = await this.make();
      return this.made;
    }
    @Locked('feed')
    async boxed(): Promise<{ stream: unknown }> {
      return { stream: this.make() };
    }
    @Locked('feed')
    async *read(): AsyncGenerator<unknown> {
      yield* this.make() as AsyncIterable<unknown>;
    }
  }
  const files = (make: () => unknown): Files => provideLocks(new Files(make), locks);

  async function expectRefused(
    files: Files,
    says = /Files\.open is @Locked and resolved to a stream/,
  ): Promise<void> {
    const error: unknown = await files.open().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(LockWiringError);
    expect(error).toMatchObject({ message: expect.stringMatching(says) as unknown });
    expect(error).toMatchObject({ message: expect.stringContaining('The method has run.') as unknown });
    expect(await isHeld()).toBe(false);
  }

  it.each<[string, () => NodeStream]>([
    ['a Readable', () => new Readable({ read() {} })],
    ['a Readable made of a generator', () => Readable.from(numbers())],
    ['a Readable that is being read', () => new Readable({ read() {} }).resume()],
    ['a PassThrough', () => new PassThrough()],
    ['a Writable', () => new Writable({ write: (_chunk, _encoding, done) => done() })],
    ['a file', () => createReadStream('package.json')],
    ['a file that is not there', () => createReadStream('nowhere')],
  ])('given %s, then the call is refused and the stream destroyed', async (_, make) => {
    const opened = files(make);
    await expectRefused(opened, /resolved to a stream.*The stream was destroyed\./);
    expect(opened.made).toHaveProperty('destroyed', true);
    await new Promise(setImmediate);
  });

  it('given a request under way, then it is destroyed, and its error does not end the process', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const open = files(() => request({ port, host: '127.0.0.1', method: 'POST' }));
      await expectRefused(open);
      await new Promise((resolve) => (open.made as NodeStream).once('close', resolve));
    } finally {
      server.close();
    }
  });

  it('given a StreamableFile, then its stream is destroyed', async () => {
    const body = new PassThrough();
    await expectRefused(files(() => new StreamableFile(body)));
    expect(body.destroyed).toBe(true);
  });

  it('given a web stream, then it is cancelled; given one that is being read, then it is refused all the same', async () => {
    const cancelled = deferred();
    await expectRefused(files(() => new ReadableStream({ cancel: () => cancelled.resolve() })));
    await cancelled.promise;
    const read = new ReadableStream();
    read.getReader();
    await expectRefused(files(() => read));
    const aborted = deferred();
    await expectRefused(files(() => new WritableStream({ abort: () => aborted.resolve() })));
    await aborted.promise;
  });

  it('given an async iterable such as a cursor, then it is disposed of, and not read', async () => {
    const steps: string[] = [];
    const iterator = { next: async () => ({ done: true, value: undefined, at: steps.push('read') }) };
    const cursor = {
      [Symbol.asyncIterator]: () => iterator,
      [Symbol.asyncDispose]: async () => void steps.push('disposed of'),
    };
    await expectRefused(files(() => cursor));
    await expectRefused(files(() => ({ [Symbol.asyncIterator]: () => iterator })));
    expect(steps).toEqual(['disposed of']);
  });

  it('given an async generator or an Observable, then it is ended or not subscribed to', async () => {
    const generator = numbers();
    await expectRefused(
      files(() => ({ then: (resolve: (made: unknown) => void) => resolve(generator) })),
      /resolved to an async generator.*The generator was ended\./,
    );
    expect(await generator.next()).toEqual({ done: true, value: undefined });
    let subscribed = false;
    const observable = new Observable(() => {
      subscribed = true;
    });
    await expectRefused(
      files(() => observable),
      /resolved to an Observable.*was not subscribed to\./,
    );
    expect(subscribed).toBe(false);
  });

  it('given a generator that is not async, or an iterator over one, then it is ended, and none of its steps runs', async () => {
    let steps = 0;
    function* counted(): Generator<number> {
      yield (steps += 1);
    }
    // Iterator helpers, as Node 22 has them.
    const helper = (): object =>
      Object.defineProperty(counted(), Symbol.toStringTag, { value: 'Iterator Helper' });
    for (const make of [counted, helper]) {
      await expectRefused(
        files(make),
        /resolved to a generator.*The generator was ended\. Write.*"async \*"/,
      );
    }
    expect(steps).toBe(0);
  });

  it("given a handler without a response, then it is refused too, because nothing shows the stream's end", async () => {
    const opened = files(() => new PassThrough());
    const [interceptor] = Reflect.getMetadata('__interceptors__', Files.prototype.open) as [NestInterceptor];
    const context = {
      getType: () => 'graphql',
      getArgByIndex: () => undefined,
    } as unknown as ExecutionContext;
    const result = await interceptor.intercept(context, { handle: () => defer(() => opened.open()) });
    await expect(lastValueFrom(result)).rejects.toThrow(/resolved to a stream.*The method has run/);
    expect(opened.made).toHaveProperty('destroyed', true);
  });

  it.each<[string, () => unknown]>([
    ['a stream that has been read to its end', async () => drained(Readable.from(['a']))],
    ['a stream that was destroyed', () => new PassThrough().destroy()],
    ['a Writable that has ended', () => new Writable({ write: (_c, _e, done) => done() }).end('a')],
    ['a StreamableFile of a Buffer, which holds all of its data', () => new StreamableFile(Buffer.from('a'))],
    ['an emitter', () => new EventEmitter()],
    ['a response of fetch', () => new Response('a')],
  ])('given %s, then it is an ordinary result', async (_, make) => {
    const opened = files(make);
    expect(await opened.open()).toBe(opened.made);
  });

  it('given the cures of the message, then an object around the stream works, and a generator reads under the lock', async () => {
    const boxed = await files(() => new PassThrough()).boxed();
    expect(boxed.stream).toHaveProperty('destroyed', false);
    const held: boolean[] = [];
    for await (const value of files(() => Readable.from(['a', 'b'])).read()) {
      expect(['a', 'b']).toContain(value);
      held.push(await isHeld());
    }
    expect(held).toEqual([true, true]);
    expect(await isHeld()).toBe(false);
  });
});

async function drained(stream: Readable): Promise<Readable> {
  await stream.toArray();
  return stream;
}
