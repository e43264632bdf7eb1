/** One run of a program on Redis: its database, its sessions, and how it sends a request. */
import type { Redis } from 'ioredis';
import type { ExchangeRequest } from '../../lib/core/contracts/store.contract.js';
import { type CallContext, exchangeCall } from '../../lib/stores/redis/commands/exchange-call.js';
import { type ExchangeOutcome, parseExchange } from '../../lib/stores/redis/commands/exchange-reply.js';
import { SharedKeys } from '../../lib/stores/redis/commands/shared-keys.js';
import type { KeyNames } from '../../lib/stores/redis/naming/key-names.js';
import { type Script, defineScript } from '../../lib/stores/redis/scripts/script.js';
import * as scripts from '../../lib/stores/redis/scripts/scripts.js';
import { DUMP, FAKE_SERVER, KEEP_QUEUES } from './fake-server.js';

const QUEUE_MS = 60_000;

/** What a script said: its reply, or its error without what the server adds to it. */
export type Said = ExchangeOutcome | { readonly error: string };

export interface KeyState {
  readonly name: string;
  readonly type: string;
  readonly ends: number | undefined;
  readonly holds: readonly string[];
}

export interface State {
  readonly keys: readonly KeyState[];
  /** The channels' messages since the last step. */
  readonly log: readonly string[];
}

/** A fault that is planted: the source of a script, changed. */
export type Mutation = (source: string, script: Script) => string;

export interface SideOptions {
  readonly client: Redis;
  readonly names: KeyNames;
  /** By the general case alone? */
  readonly general: boolean;
  /** Do several tokens hold keys together in the program? */
  readonly shared: boolean;
  readonly mutate?: Mutation;
}

export class Side {
  readonly #options: SideOptions;
  readonly #contexts = new Map<number, CallContext>();
  readonly #loaded = new Map<string, Promise<string>>();

  constructor(options: SideOptions) {
    this.#options = options;
  }

  async start(dead: string): Promise<void> {
    await this.#options.client.flushdb();
    await this.#options.client.sadd('test:dead', dead);
  }

  /** Sets the clock, in µs. */
  async setClock(now: number): Promise<void> {
    await this.#options.client.set('test:now', now);
  }

  async keepQueues(): Promise<void> {
    await this.#run(defineScript(KEEP_QUEUES), ['0', String(QUEUE_MS)], false);
  }

  async exchange(session: number, request: ExchangeRequest, notAfter: number): Promise<Said> {
    const { names, general } = this.#options;
    const call = general
      ? generalCall(request, notAfter, names)
      : exchangeCall(request, notAfter, this.#context(session));
    const said = await this.#said(call.script, scripts.parametersOf(call, names.of(request.key)), request);
    if ('error' in said || !said.again) return said;
    if (general) throw new Error('The general case declares the holders, and was answered "again".');
    this.#context(session).sharedKeys.add(request.key);
    return this.exchange(session, request, notAfter);
  }

  /** In one command where that is how they leave, and one after the other by the general case. */
  async batch(
    requests: ReadonlyArray<{ readonly session: number; readonly request: ExchangeRequest }>,
    notAfter: number,
  ): Promise<Said[]> {
    const { names, general, shared } = this.#options;
    if (general) {
      const all: Said[] = [];
      for (const { session, request } of requests) all.push(await this.exchange(session, request, notAfter));
      return all;
    }
    // A request that is answered "again" would be sent behind the others of its batch.
    if (shared)
      for (const { session, request } of requests) this.#context(session).sharedKeys.add(request.key);
    const calls = requests.map(({ session, request }) => ({
      call: exchangeCall(request, notAfter, this.#context(session)),
      keys: names.of(request.key),
    }));
    const replies = (await this.#run(scripts.BATCH, scripts.batchParametersOf(calls))) as unknown[];
    return replies.map((raw, i) =>
      raw instanceof Error ? errorOf(raw) : parseExchange(raw, requests[i].request),
    );
  }

  /** The reply of `renew`. */
  async renew(key: string, token: string, ttl: number, fences: number): Promise<unknown> {
    const { names } = this.#options;
    const { lock, fences: domain } = names.of(key);
    const args = ['3', lock, domain, names.holdersOf(key), token, String(ttl), String(fences)];
    return this.#run(scripts.RENEW, args).catch((error: unknown) => errorOf(error as Error));
  }

  /** A command of somebody else. */
  async disturb(command: string, args: readonly string[]): Promise<void> {
    await this.#options.client.call(command, ...args);
  }

  async lose(key: string): Promise<void> {
    await this.disturb('DEL', [key]);
    await this.disturb('HDEL', ['test:ends', key]);
  }

  async state(): Promise<State> {
    const [keys, log] = (await this.#run(defineScript(DUMP), ['0'], false)) as [
      Array<[string, string, string, string[]]>,
      string[],
    ];
    return {
      keys: keys
        .map(([name, type, ends, holds]) => ({
          name,
          type,
          ends: ends === 'nil' ? undefined : Number(ends),
          holds,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      log,
    };
  }

  async #said(
    script: Script,
    parameters: readonly scripts.Parameter[],
    request: ExchangeRequest,
  ): Promise<Said> {
    try {
      return parseExchange(await this.#run(script, parameters), request);
    } catch (error) {
      return errorOf(error as Error);
    }
  }

  async #run(script: Script, parameters: readonly scripts.Parameter[], ours = true): Promise<unknown> {
    const { client, mutate } = this.#options;
    let sha = this.#loaded.get(script.sha);
    if (sha === undefined) {
      const source = ours ? FAKE_SERVER + (mutate?.(script.source, script) ?? script.source) : script.source;
      sha = client.script('LOAD', source) as Promise<string>;
      this.#loaded.set(script.sha, sha);
    }
    return client.call('EVALSHA', await sha, ...parameters);
  }

  #context(session: number): CallContext {
    const { names } = this.#options;
    let context = this.#contexts.get(session);
    if (context === undefined) {
      context = { sharedKeys: new SharedKeys(), holdersOf: (key) => names.holdersOf(key) };
      this.#contexts.set(session, context);
    }
    return context;
  }
}

/** The general case with all arguments, whatever the request. */
function generalCall(
  { key, release, acquire }: ExchangeRequest,
  notAfter: number,
  names: KeyNames,
): scripts.ExchangeCall {
  const args = [
    release?.token ?? '',
    acquire?.token ?? '',
    String(acquire?.ttl ?? ''),
    // Of the releases, only one by force has a limit.
    acquire === undefined ? '' : String(notAfter),
    acquire?.mode ?? '',
    String(acquire?.fences ?? ''),
    String(acquire?.queueScore ?? ''),
  ];
  if (release?.releaseAfter !== undefined) args.push(String(release.releaseAfter));
  return { script: scripts.EXCHANGE, holders: names.holdersOf(key), args };
}

/** A script that raises an error has the server add where. */
function errorOf({ message }: Error): { error: string } {
  const [known] = /NLCOUNTER \w+ '.*?'/.exec(message) ?? [];
  return { error: known ?? message };
}
