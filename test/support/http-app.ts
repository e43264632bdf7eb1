/** Nest applications over real HTTP, on each platform. */
import { Logger, type ModuleMetadata } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModule } from '@nestjs/testing';
import type { INestApplication } from '@nestjs/common';

export const PLATFORMS: ReadonlyArray<[name: string, adapter: () => AbstractHttpAdapter]> = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

export interface HttpApp {
  readonly app: INestApplication;
  readonly module: TestingModule;
  readonly url: string;
  get(path: string, init?: RequestInit): Promise<Response>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
}

export async function startHttp(
  adapter: () => AbstractHttpAdapter,
  metadata: ModuleMetadata,
  configure: (app: INestApplication) => void = () => {},
): Promise<HttpApp> {
  const module = await Test.createTestingModule(metadata).compile();
  const app = module.createNestApplication(adapter(), { forceCloseConnections: true });
  Logger.overrideLogger(false);
  configure(app);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return {
    app,
    module,
    url,
    get: (path, init) => fetch(url + path, init),
    post: (path, body = {}, headers = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
  };
}
