/** The handlers, for HTTP/1 and HTTP/2 alike, of a client that reads slowly or leaves. */
import { PassThrough } from 'node:stream';
import { Get, Inject, Param, Res, StreamableFile } from '@nestjs/common';
import { type Lock, Locked, LockService } from 'nestjs-locked';
import { type Deferred, deferred } from '../../support/deferred.js';

/** The methods that the replies of Express and Fastify share. */
export interface Reply {
  send(body: string): void;
}

/** Longer than all buffers between server and client: the end is sent only when the client reads. */
export const LONG = 'x'.repeat(16 << 20);

export const UNTIL_GONE = { wait: 0, abortOn: 'disconnect' } as const;

/** A controller extends it, and adds its own routes. */
export abstract class ClientHandlers {
  step: Deferred = deferred();
  body = new PassThrough();
  /** The lock of each call, in order. */
  locks: Lock[] = [];

  constructor(@Inject(LockService) private readonly service: LockService) {}

  protected enter(): Lock {
    const lock = this.service.current();
    this.locks.push(lock);
    return lock;
  }

  @Get('running/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  async running(@Param('id') _id: string): Promise<string> {
    const { signal } = this.enter();
    await this.step.promise;
    signal.throwIfAborted();
    return 'done';
  }
  @Get('streamed/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  async streamed(@Param('id') _id: string): Promise<StreamableFile> {
    this.enter();
    return new StreamableFile(this.body);
  }
  @Get('answered/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  async answered(@Param('id') _id: string, @Res() reply: Reply): Promise<void> {
    this.enter();
    reply.send('early');
    await this.step.promise;
  }

  async isFree(id: string): Promise<boolean> {
    const lock = await this.service.tryAcquire(`k:${id}`);
    return (await lock?.release()) === true;
  }

  reset(): void {
    this.step = deferred();
    this.body = new PassThrough();
    this.locks = [];
  }
}
