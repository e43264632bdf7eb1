/** The sessions of a running program. Each runs in the fuzzer's process or in its own, and has proxies before it. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { sharedNow } from '../../test/support/shared-clock.js';
import { type TcpProxy, startProxy } from '../../test/support/tcp-proxy.js';
import type { Arena, FuzzChild } from './arena.js';
import type { FuzzEvent } from './events.js';
import { Session } from './session.js';
import type { Lane, Program } from './program.js';

/** The longest time from the close of a process to its exit, in ms: nothing keeps the process alive. */
const EXIT_WITHIN = 10_000;

export abstract class Actor {
  readonly proxies: Readonly<Record<Lane, TcpProxy>>;
  protected readonly place: { readonly program: Program; readonly index: number };
  protected readonly record: (event: FuzzEvent) => void;

  constructor(
    place: { readonly program: Program; readonly index: number },
    proxies: Readonly<Record<Lane, TcpProxy>>,
    record: (event: FuzzEvent) => void,
  ) {
    this.place = place;
    this.proxies = proxies;
    this.record = record;
  }

  /** The name in the history. A process that follows a killed one has another name. */
  abstract readonly name: string;
  /** Must be called before `run`. */
  abstract ready(): Promise<void>;
  /** Resolves when all callers of the session are done, in whichever process. */
  abstract run(until: number): Promise<void>;
  /** Whether a process of the session lives, which may have left something behind. */
  abstract readonly alive: boolean;
  /** How many keys the session has in memory. */
  abstract keyCount(): Promise<number>;
  abstract close(): Promise<void>;

  protected get ports(): { command: number; notifications: number } {
    return { command: this.proxies.command.port, notifications: this.proxies.notifications.port };
  }

  async stopProxies(): Promise<void> {
    await Promise.all([this.proxies.command.stop(), this.proxies.notifications.stop()]);
  }
}

/** A session in the fuzzer's process. */
export class Insider extends Actor {
  readonly name = `p${this.place.index}`;
  readonly alive = true;
  readonly #session = new Session({ ...this.place, name: this.name, ports: this.ports }, this.record);

  async ready(): Promise<void> {}

  run(until: number): Promise<void> {
    return this.#session.run(until, []);
  }

  async keyCount(): Promise<number> {
    return this.#session.keyCount;
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** A session in its own process, which is paused, killed and followed by another process. */
export class Outsider extends Actor {
  readonly #arena: Arena;
  readonly #logs: string[] = [];
  #child: FuzzChild | undefined;
  #until = Infinity;
  #running: Promise<void> | undefined;
  #replacing: Promise<void> | undefined;
  #done = false;

  constructor(
    arena: Arena,
    place: { readonly program: Program; readonly index: number },
    proxies: Readonly<Record<Lane, TcpProxy>>,
    record: (event: FuzzEvent) => void,
  ) {
    super(place, proxies, record);
    this.#arena = arena;
  }

  get name(): string {
    return `p${this.place.index}.${Math.max(0, this.#logs.length - 1)}`;
  }

  get alive(): boolean {
    return this.#child !== undefined;
  }

  async ready(): Promise<void> {
    const { faults, sessions } = this.place.program;
    const kills = faults.some(({ kind }) => kind === 'kill');
    const child = await this.#arena.child(kills ? Math.min(2, sessions.length) : 0);
    const log = this.#arena.file();
    this.#logs.push(log);
    await child.call('open', { ...this.place, name: this.name, ports: this.ports }, log);
    this.#child = child;
  }

  async run(until: number): Promise<void> {
    this.#until = until;
    this.#running = this.#go([]);
    for (;;) {
      await this.#running;
      if (this.#replacing === undefined) break;
      await this.#replacing;
    }
    this.#done = true;
  }

  async #go(from: readonly number[]): Promise<void> {
    const child = this.#child;
    await child?.call('run', this.#until, from).catch((error: unknown) => {
      // A killed process has no child here any more. Otherwise the error is a real one.
      if (this.#child === child) throw error;
    });
  }

  async pause(ms: number): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const { name } = this;
    const from = sharedNow();
    child.pause();
    await pause(ms);
    child.resume();
    this.record({ e: 'fault', kind: 'pause', from, at: sharedNow(), session: name });
  }

  async compute(ms: number): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const { name } = this;
    const from = sharedNow();
    // The process may be killed meanwhile.
    await child.call('compute', ms).catch(() => undefined);
    this.record({ e: 'fault', kind: 'compute', from, at: sharedNow(), session: name });
  }

  /** @param ms the time until another process continues the operations of the callers. */
  async kill(ms: number): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const { name } = this;
    this.#replacing = (async () => {
      const from = sharedNow();
      await child.kill();
      this.record({ e: 'fault', kind: 'kill', from, at: sharedNow(), session: name });
      const begun = this.#begun();
      await pause(ms);
      if (!this.#done && sharedNow() < this.#until) {
        await this.ready();
        this.#running = this.#go(begun);
      }
      this.#replacing = undefined;
    })();
    await this.#replacing;
  }

  /** How many operations each caller has begun. */
  #begun(): number[] {
    const begun: number[] = [];
    for (const event of this.events()) {
      if (event.e === 'requested') begun[event.caller] = (begun[event.caller] ?? 0) + 1;
    }
    return Array.from(begun, (count) => count ?? 0);
  }

  /** The events that the processes of the session have written. */
  events(): FuzzEvent[] {
    return this.#logs.flatMap((log) =>
      readFileSync(log, 'utf8')
        .split('\n')
        .slice(0, -1) // the last text line is empty, or a kill has cut it off
        .map((line) => JSON.parse(line) as FuzzEvent),
    );
  }

  async keyCount(): Promise<number> {
    return (await this.#child?.call('keyCount')) ?? 0;
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (!this.place.program.farewell) {
      await child.call('close');
      this.#arena.giveBack(child);
      return;
    }
    const exit = Promise.race([child.exited, pause(EXIT_WITHIN, 'late' as const, { ref: false })]);
    await child.call('finish');
    const exited = await exit;
    if (exited !== 0) {
      const what = exited === 'late' ? 'does not exit' : `exited with ${exited}: ${child.output}`;
      this.record({ e: 'odd', at: sharedNow(), what: `after its end the process ${this.name} ${what}` });
      await child.kill();
    }
  }
}

/** The sessions of a program, each with its own proxies. */
export async function castOf(
  program: Program,
  arena: Arena,
  record: (event: FuzzEvent) => void,
): Promise<Actor[]> {
  return Promise.all(
    program.sessions.map(async ({ child }, index) => {
      const [command, notifications] = await Promise.all([
        startProxy(arena.server),
        startProxy(arena.server),
      ]);
      const place = { program, index };
      const proxies = { command, notifications };
      const actor = child ? new Outsider(arena, place, proxies, record) : new Insider(place, proxies, record);
      await actor.ready();
      return actor;
    }),
  );
}
