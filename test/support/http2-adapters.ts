/** The HTTP adapters of Nest on an HTTP/2 server, without TLS. */
import http2 from 'node:http2';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

export const HTTP2_PLATFORMS: ReadonlyArray<[name: string, adapter: () => AbstractHttpAdapter]> = [
  ['Express', () => new Http2ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter({ http2: true } as object)],
];

/** The two prototypes that an Express application gives to its requests and responses. */
interface ExpressApp {
  (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse): void;
  request: object;
  response: object;
}

/** Express knows HTTP/1 only. Here its methods are put on the classes of HTTP/2. */
class Http2ExpressAdapter extends ExpressAdapter {
  override initHttpServer(): void {
    const app = this.getInstance<ExpressApp>();
    app.request = onTopOf(http2.Http2ServerRequest.prototype, app.request);
    app.response = onTopOf(http2.Http2ServerResponse.prototype, app.response);
    this.httpServer = http2.createServer(app) as unknown as typeof this.httpServer;
  }
}

/**
 * The members of an application (`app`) are above the members of Express (`send`), which are above the class of Node.
 */
function onTopOf(base: object, prototype: object): object {
  const methods = Object.getPrototypeOf(prototype) as object;
  return Object.create(
    Object.create(base, Object.getOwnPropertyDescriptors(methods)) as object,
    Object.getOwnPropertyDescriptors(prototype),
  ) as object;
}
