/**
 * A real SQL database for several processes: PGlite (PostgreSQL in WebAssembly) in this process, behind HTTP.
 *
 * PGlite is embedded in one process, and the holders of a lock are other processes. HTTP is part of Node and needs no
 * driver. As with a database server, a statement that was sent arrives even if its process is paused by then. Each
 * connection has its own transactions.
 */
import { type IncomingMessage, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { PGlite } from '@electric-sql/pglite';
import type { Database, QueryResult } from './sql-client.js';

export interface SqlServer extends Database {
  readonly url: string;
  /** Called with each statement from another process. The statement runs when the returned promise has resolved. */
  onArrival: ((sql: string) => Promise<void> | void) | undefined;
  stop(): Promise<void>;
}

interface Query {
  readonly connection: string;
  readonly sql: string;
  readonly values?: unknown[];
}

export async function startSql(): Promise<SqlServer> {
  const db = new PGlite();
  await db.waitReady;
  // PGlite has one session. From BEGIN to the end of the transaction it belongs to one connection. Other connections
  // wait, as for locked rows.
  let exchange: Promise<void> = Promise.resolve();
  const transactions = new Map<string, () => void>();

  async function run({ connection, sql, values }: Query): Promise<QueryResult> {
    const end = transactions.get(connection) ?? (await begin());
    if (/^BEGIN\b/i.test(sql)) transactions.set(connection, end);
    if (/^(COMMIT|ROLLBACK)\b/i.test(sql)) transactions.delete(connection);
    try {
      const { rows, rowCount } = await db.query(sql, values);
      return { rows, rowCount };
    } finally {
      if (!transactions.has(connection)) end();
    }
  }

  async function begin(): Promise<() => void> {
    const before = exchange;
    let end!: () => void;
    exchange = new Promise((resolve) => (end = resolve));
    await before;
    return end;
  }

  async function answer(request: IncomingMessage): Promise<{ result: QueryResult } | { error: string }> {
    try {
      const query = JSON.parse(await text(request)) as Query;
      await server.onArrival?.(query.sql);
      return { result: await run(query) };
    } catch (error) {
      return { error: (error as Error).message };
    }
  }

  const http = createServer((request, response) => {
    void answer(request).then((reply) => response.end(JSON.stringify(reply)));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: SqlServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    query: (sql, values) => run({ connection: 'the test', sql, values }),
    onArrival: undefined,
    async stop() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await db.close();
    },
  };
  return server;
}
