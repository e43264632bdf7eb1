/** An application with the dashboard, on locks that a test states. */
import { createRequire } from 'node:module';
import fastifyCompress from '@fastify/compress';
import fastifyHelmet from '@fastify/helmet';
import {
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  Logger,
  type NestInterceptor,
  type Provider,
  VersioningType,
} from '@nestjs/common';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import helmet from 'helmet';
import { LockService } from 'nestjs-locked';
import { LockDashboardModule, type LockDashboardOptions } from 'nestjs-locked/dashboard';
import { map } from 'rxjs';
import type {
  ForceReleaseOptions,
  ForceReleaseResult,
  LockHolder,
  LockInfo,
  LockOverview,
  LockQueuePlace,
} from '../../lib/core/inspection/lock-info.js';

/** The package has no types. */
const compression = createRequire(import.meta.url)('compression') as (options: object) => () => void;

export function holder(given: Partial<LockHolder> = {}): LockHolder {
  return {
    id: 'h1',
    owner: 'api-1:101',
    remaining: 24_000,
    answered: true,
    held: 4_200,
    since: new Date(),
    waited: 12,
    fence: 1_796_000_000_000_123,
    ttl: 30_000,
    renew: true,
    label: 'OrdersController.pay',
    template: 'order:{params.id}',
    site: 'src/orders/orders.controller.ts:42',
    trace: '0af7651916cd43dd8448eb211c80319c',
    ...given,
  };
}

export function place(given: Partial<LockQueuePlace> = {}): LockQueuePlace {
  const callers = [{ waited: 1_300, label: 'OrdersController.refund', holds: ['customer:7'] }];
  return { owner: 'api-2:33', kind: 'exclusive', waited: 1_300, answered: true, callers, ...given };
}

export function lock(key: string, given: Partial<LockInfo> = {}): LockInfo {
  const queue = given.queue ?? [];
  return {
    key,
    kind: 'exclusive',
    at: new Date(),
    holders: [holder()],
    queue,
    waiting: queue.reduce((sum, { callers, more = 0 }) => sum + (callers?.length ?? 1) + more, 0),
    ...given,
  };
}

export function overview(locks: readonly LockInfo[], given: Partial<LockOverview> = {}): LockOverview {
  return {
    at: new Date(),
    processes: [{ owner: 'api-1:101', held: locks.length, waiting: 0 }],
    locks,
    cycles: [],
    troubles: [],
    silent: 0,
    ...given,
  };
}

/** Stands for a LockService. It answers what a test states, and records what it was called with. */
export class StatedLocks {
  state = overview([]);
  /** What each question fails with. */
  failure: Error | undefined;
  questions = 0;
  inspected = 0;
  readonly released: Array<{ key: string } & ForceReleaseOptions> = [];

  async overview(): Promise<LockOverview> {
    this.questions += 1;
    if (this.failure !== undefined) throw this.failure;
    return { ...this.state, at: new Date() };
  }

  async inspect(key: string): Promise<LockInfo | null> {
    this.inspected += 1;
    if (this.failure !== undefined) throw this.failure;
    return this.state.locks.find((each) => each.key === key) ?? null;
  }

  async forceRelease(key: string, options: ForceReleaseOptions): Promise<ForceReleaseResult> {
    if (this.failure !== undefined) throw this.failure;
    this.released.push({ key, ...options });
    const holds = (each: LockInfo): boolean =>
      each.key === key && each.holders.some(({ id }) => id === options.holder);
    if (!this.state.locks.some(holds)) return { released: 0, told: 0 };
    this.state = { ...this.state, locks: this.state.locks.filter((each) => !holds(each)) };
    return { released: 1, told: 1 };
  }
}

/** What applications do to every reply. */
class WrappingInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

export type Platform = 'Express' | 'Fastify';
export const PLATFORMS: readonly Platform[] = ['Express', 'Fastify'];

export interface DashboardApp {
  readonly app: INestApplication;
  readonly locks: StatedLocks;
  /** The address of the page. */
  readonly url: string;
  readonly origin: string;
}

export interface DashboardSetup {
  readonly platform?: Platform;
  readonly options?: LockDashboardOptions;
  /** With a prefix, versions, a wrapping interceptor, permissive CORS, helmet and compression. */
  readonly dressed?: boolean;
  readonly providers?: Provider[];
  readonly locks?: StatedLocks;
  readonly forceCloseConnections?: boolean;
  /** A free port, if left out. */
  readonly port?: number;
}

export async function startDashboard({
  platform = 'Express',
  options = { unprotected: true },
  dressed = false,
  providers = [],
  locks = new StatedLocks(),
  forceCloseConnections = true,
  port = 0,
}: DashboardSetup = {}): Promise<DashboardApp> {
  const module = await Test.createTestingModule({
    imports: [LockDashboardModule.forRoot({ refresh: 100, ...options })],
    providers: [{ provide: LockService, useValue: locks }, ...providers],
  }).compile();
  const adapter =
    platform === 'Express' ? new ExpressAdapter() : new FastifyAdapter({ forceCloseConnections });
  const app = module.createNestApplication(adapter, { forceCloseConnections });
  Logger.overrideLogger(false);
  if (dressed) await dress(app, platform);
  await app.listen(port, '127.0.0.1');
  const origin = await app.getUrl();
  const path = options.path ?? 'locks';
  return { app, locks, origin, url: `${origin}${dressed ? '/api' : ''}/${path}` };
}

async function dress(app: INestApplication, platform: Platform): Promise<void> {
  app.setGlobalPrefix('api');
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
  app.useGlobalInterceptors(new WrappingInterceptor());
  app.enableCors({ origin: true, credentials: true, allowedHeaders: '*' });
  if (platform === 'Express') {
    (app as NestExpressApplication).use(helmet());
    (app as NestExpressApplication).use(compression({ threshold: 0 }));
  } else {
    await (app as NestFastifyApplication).register(fastifyHelmet);
    await (app as NestFastifyApplication).register(fastifyCompress, { threshold: 0 });
  }
}

/** Reads server-sent events. */
export async function* eventsOf(response: Response): AsyncGenerator<{ event: string; data: unknown }> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (event !== undefined) yield { event, data: JSON.parse(data) };
    }
  }
}

/** A release as the page sends it, with the headers of its browser. */
export function release(
  { url, origin }: Pick<DashboardApp, 'url' | 'origin'>,
  headers: Record<string, string | undefined> = {},
  body: unknown = { key: 'order:42', holder: 'h1' },
): Promise<Response> {
  const all = { origin, 'content-type': 'application/json', 'x-nestjs-locked': 'release', ...headers };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return fetch(`${url}/release`, {
    method: 'POST',
    headers: given,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}
