/**
 * A PostgreSQL server for the tests of one file, behind a TCP proxy that can hold back a statement. PGlite has one
 * session, so two transactions cannot be open at once there.
 *
 * The programs `initdb` and `postgres` are those of the folder POSTGRES_BIN, or of /usr/lib/postgresql, or on PATH.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../transports/support/free-port.js';

export interface Database {
  /** For the library under test. Its statements pass through the proxy. */
  readonly url: string;
  readonly port: number;
  /** Holds back the next COMMIT. */
  holdCommit(): HeldStatement;
  /** Resolves when an UPDATE arrives from now on. */
  nextUpdate(): Promise<void>;
  /** Lets a held statement of an earlier test pass, and sets the units of the sku `a` to 10. */
  reset(): Promise<void>;
  /** The committed units of the sku `a`. */
  units(): Promise<number>;
  stop(): Promise<void>;
}

export interface HeldStatement {
  /** Resolves when the statement has been sent. */
  readonly arrived: Promise<void>;
  /** Lets the statement pass. */
  release(): void;
}

/**
 * A condition for the next statement that matches, which passes when `pass` has resolved. The byte before a statement is
 * part of its length and may be a letter, so a pattern does not begin at a word.
 */
interface Trap {
  readonly pattern: RegExp;
  readonly arrived: () => void;
  readonly pass: Promise<void>;
}

export async function startPostgres(): Promise<Database> {
  const server = await startServer();
  const traps = new Set<Trap>();
  let release = (): void => {};
  const proxy = await startProxy(server.port, async (text) => {
    for (const trap of traps) {
      if (!trap.pattern.test(text)) continue;
      traps.delete(trap);
      trap.arrived();
      await trap.pass;
    }
  });
  const port = (proxy.address() as AddressInfo).port;
  const { admin } = server;
  await admin.query('CREATE TABLE stock (sku TEXT PRIMARY KEY, units INTEGER NOT NULL)');
  return {
    port,
    url: `postgresql://locked@127.0.0.1:${port}/postgres`,
    holdCommit() {
      const [arrived, passed] = [deferred(), deferred()];
      release = passed.resolve;
      traps.add({ pattern: /COMMIT/i, arrived: arrived.resolve, pass: passed.promise });
      return { arrived: arrived.promise, release };
    },
    nextUpdate() {
      const arrived = deferred();
      traps.add({ pattern: /UPDATE "/i, arrived: arrived.resolve, pass: Promise.resolve() });
      return arrived.promise;
    },
    async reset() {
      traps.clear();
      release();
      await admin.query('DELETE FROM stock');
      await admin.query("INSERT INTO stock (sku, units) VALUES ('a', 10)");
    },
    async units() {
      const { rows } = await admin.query<{ units: number }>("SELECT units FROM stock WHERE sku = 'a'");
      return rows[0].units;
    },
    async stop() {
      proxy.close();
      await server.stop();
    },
  };
}

/** Calls `arrived` with each chunk from a client. The chunk, and those after it on its connection, then pass in order. */
async function startProxy(to: number, arrived: (text: string) => Promise<void>): Promise<Server> {
  const proxy = createServer({ noDelay: true }, (client) => {
    const server = connect({ port: to, host: '127.0.0.1', noDelay: true });
    let before = Promise.resolve();
    client.on('data', (chunk) => {
      before = before.then(() => arrived(chunk.toString('latin1'))).then(() => void server.write(chunk));
    });
    server.pipe(client);
    client.on('close', () => server.destroySoon());
    const ignore = (socket: Socket): unknown => socket.on('error', () => undefined);
    [client, server].forEach(ignore);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return proxy;
}

interface PostgresServer {
  readonly port: number;
  readonly admin: pg.Client;
  stop(): Promise<void>;
}

async function startServer(): Promise<PostgresServer> {
  const bin = programs();
  const user = unprivileged();
  const directory = mkdtempSync(join(tmpdir(), 'nestjs-locked-postgres-'));
  if (user !== undefined) chownSync(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  const options = { ...user, cwd: directory, stdio: 'ignore' as const };
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'locked', '-A', 'trust', '-N', '-E', 'UTF8'], options);
  const port = await freePort();
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-p', `${port}`, ...settings.flatMap((each) => ['-c', each])],
    options,
  );
  const kill = (): boolean => server.kill('SIGQUIT');
  process.once('exit', kill);
  const admin = await eventually(() => connected(port), { within: 15_000, every: 50 });
  return {
    port,
    admin,
    async stop() {
      await admin.end();
      await ended(server);
      process.off('exit', kill);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function connected(port: number): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'locked', database: 'postgres' });
  await client.connect();
  return client;
}

/** A fast shutdown: the server ends the connections that are still open. */
function ended(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    server.once('exit', () => resolve());
    server.kill('SIGINT');
  });
}

/** The folder of the programs. */
function programs(): string {
  const root = '/usr/lib/postgresql';
  const packaged = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    process.env.POSTGRES_BIN ?? '',
    ...packaged.map((version) => join(root, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  const found = folders.find((folder) => folder !== '' && existsSync(join(folder, 'initdb')));
  if (found !== undefined) return found;
  throw new Error(
    'These tests need PostgreSQL. Install it ("apt-get install postgresql", "brew install postgresql"), or set ' +
      'POSTGRES_BIN to the folder of its program initdb.',
  );
}

/** PostgreSQL does not run as root. Its package makes a user `postgres`. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (userInfo().uid !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
