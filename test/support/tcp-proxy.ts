/** A TCP proxy in front of a server, with which a test holds, drops, delays, cuts and watches data. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

export type Direction = 'request' | 'reply';

type Flow = 'flow' | 'hold' | 'drop';

type Predicate = (chunk: string, direction: Direction) => boolean;

interface Watcher {
  readonly predicate: Predicate;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface TcpProxy {
  readonly port: number;
  readonly url: string;
  /** Buffers data from the server, in order, until {@link release}. */
  holdReplies(): void;
  /** Buffers data from clients, in order, until {@link release}. */
  holdRequests(): void;
  /** Drops data from the server until {@link release}. */
  dropReplies(): void;
  /** Drops data from clients until {@link release}. */
  dropRequests(): void;
  /** Opens both directions again. Held data comes first, in order. Dropped data stays lost. */
  release(): void;
  /** Delays each chunk by `ms` in each direction, from now on. */
  delay(ms: number): void;
  /** Destroys all present connections with their held data. */
  cut(): void;
  /**
   * Ends all present connections for the clients, and lets new connections pass. Held data of the old connections
   * arrives when the returned function is called.
   */
  strand(): () => void;
  /** Destroys each new connection at once, until {@link accept}. */
  refuse(): void;
  accept(): void;
  /** Leads new connections to another server, as the name of a service does after a fail-over. */
  retarget(target: { readonly port: number }): void;
  /** The number of open connections. */
  readonly connections: number;
  /** The number of held chunks. */
  readonly held: number;
  /**
   * Resolves when a chunk that satisfies the predicate arrives from now on. The chunk may pass, be held or be dropped.
   * Fails after `within` ms. A chunk may contain several commands or a part of one command.
   */
  waitFor(predicate: Predicate, options?: { within?: number }): Promise<void>;
  /**
   * Calls back for each chunk, in the order of arrival, when the chunk has passed. Returns a function that ends the
   * calls.
   */
  watch(callback: (chunk: string, direction: Direction) => void): () => void;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port in front of `target`. */
export async function startProxy(target: { readonly port: number }): Promise<TcpProxy> {
  const proxy = new Proxy(target.port);
  await proxy.start();
  return proxy;
}

class Proxy implements TcpProxy {
  readonly #links = new Set<Link>();
  readonly #watchers = new Set<Watcher>();
  readonly #callbacks = new Set<(chunk: string, direction: Direction) => void>();
  readonly #server: Server;
  readonly #flow: Record<Direction, Flow> = { request: 'flow', reply: 'flow' };
  #delay = 0;
  #refusing = false;
  #port = 0;

  constructor(private target: number) {
    this.#server = createServer({ noDelay: true }, (client) => this.#connected(client));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#links.size;
  }

  get held(): number {
    let held = 0;
    for (const link of this.#links) held += link.held;
    return held;
  }

  holdReplies(): void {
    this.#flow.reply = 'hold';
  }

  holdRequests(): void {
    this.#flow.request = 'hold';
  }

  dropReplies(): void {
    this.#flow.reply = 'drop';
  }

  dropRequests(): void {
    this.#flow.request = 'drop';
  }

  release(): void {
    this.#flow.request = 'flow';
    this.#flow.reply = 'flow';
    for (const link of this.#links) link.release();
  }

  delay(ms: number): void {
    this.#delay = ms;
  }

  cut(): void {
    for (const link of this.#links) link.destroy();
  }

  strand(): () => void {
    this.#flow.request = 'flow';
    this.#flow.reply = 'flow';
    const links = [...this.#links];
    for (const link of links) link.strand();
    return () => {
      for (const link of links) link.release();
    };
  }

  refuse(): void {
    this.#refusing = true;
  }

  accept(): void {
    this.#refusing = false;
  }

  retarget({ port }: { readonly port: number }): void {
    this.target = port;
  }

  waitFor(predicate: Predicate, { within = 5_000 }: { within?: number } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => watcher.reject(new Error(`No such chunk within ${within} ms: ${predicate.toString()}`)),
        within,
      );
      const end = () => {
        clearTimeout(late);
        this.#watchers.delete(watcher);
      };
      const watcher: Watcher = {
        predicate,
        resolve: () => (end(), resolve()),
        reject: (error) => (end(), reject(error)),
      };
      this.#watchers.add(watcher);
    });
  }

  watch(callback: (chunk: string, direction: Direction) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  async stop(): Promise<void> {
    for (const watcher of this.#watchers) watcher.reject(new Error('The proxy was stopped.'));
    this.cut();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #connected(client: Socket): void {
    client.on('error', () => undefined);
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, this.target, {
      flow: (direction) => this.#flow[direction],
      delay: () => this.#delay,
      seen: (chunk, direction) => this.#seen(chunk, direction),
      closed: () => void this.#links.delete(link),
    });
    this.#links.add(link);
  }

  #seen(chunk: Buffer, direction: Direction): void {
    const text = chunk.toString('utf8');
    for (const callback of this.#callbacks) callback(text, direction);
    for (const watcher of this.#watchers) {
      if (watcher.predicate(text, direction)) watcher.resolve();
    }
  }
}

interface LinkRules {
  flow(direction: Direction): Flow;
  delay(): number;
  seen(chunk: Buffer, direction: Direction): void;
  closed(): void;
}

/**
 * The connection of a client, with its connection to the server. If one side closes, data that is under way to the
 * other side still arrives first, as in a network. A held request reaches the server after the end of its client.
 */
class Link {
  readonly #server: Socket;
  readonly #lanes: Record<Direction, Lane>;
  #open = 2;

  constructor(
    private readonly client: Socket,
    target: number,
    private readonly rules: LinkRules,
  ) {
    this.#server = connect({ port: target, host: '127.0.0.1', noDelay: true });
    this.#lanes = { request: new Lane(this.#server), reply: new Lane(client) };
    this.#join(client, this.#lanes.request, 'request');
    this.#join(this.#server, this.#lanes.reply, 'reply');
  }

  get held(): number {
    return this.#lanes.request.held + this.#lanes.reply.held;
  }

  release(): void {
    this.#lanes.request.release();
    this.#lanes.reply.release();
  }

  strand(): void {
    this.client.destroy();
  }

  destroy(): void {
    this.#lanes.request.clear();
    this.#lanes.reply.clear();
    this.client.destroy();
    this.#server.destroy();
  }

  #join(from: Socket, lane: Lane, direction: Direction): void {
    from.on('error', () => undefined);
    from.on('data', (chunk) => {
      const flow = this.rules.flow(direction);
      if (flow === 'hold') lane.hold(chunk);
      else if (flow === 'flow') lane.pass(chunk, this.rules.delay());
      this.rules.seen(chunk, direction);
    });
    from.on('close', () => {
      lane.end();
      this.#open -= 1;
      if (this.#open === 0) this.rules.closed();
    });
  }
}

/** One direction of one connection. It keeps the order of chunks that are held or delayed. */
class Lane {
  #held: Buffer[] = [];
  #delayed: Array<{ readonly chunk: Buffer; readonly due: number }> = [];
  #timer: NodeJS.Timeout | undefined;
  #ending = false;

  constructor(private readonly to: Socket) {}

  get held(): number {
    return this.#held.length;
  }

  hold(chunk: Buffer): void {
    this.#held.push(chunk);
  }

  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) this.pass(chunk, 0);
    this.#endIfDrained();
  }

  pass(chunk: Buffer, delay: number): void {
    if (delay === 0 && this.#delayed.length === 0) {
      this.to.write(chunk);
      return;
    }
    // A chunk never overtakes an earlier chunk that is still delayed.
    const due = Math.max(performance.now() + delay, this.#delayed.at(-1)?.due ?? 0);
    this.#delayed.push({ chunk, due });
    this.#timer ??= setTimeout(() => this.#pump(), Math.ceil(due - performance.now()));
  }

  /** Closes the far side after all data has reached it. */
  end(): void {
    this.#ending = true;
    this.#endIfDrained();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#delayed = [];
    this.#held = [];
  }

  #pump(): void {
    this.#timer = undefined;
    for (let next = this.#delayed[0]; next !== undefined; next = this.#delayed[0]) {
      const wait = next.due - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(wait));
        return;
      }
      this.#delayed.shift();
      this.to.write(next.chunk);
    }
    this.#endIfDrained();
  }

  #endIfDrained(): void {
    if (this.#ending && this.#held.length === 0 && this.#delayed.length === 0) this.to.destroySoon();
  }
}
