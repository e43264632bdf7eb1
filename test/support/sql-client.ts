/** A connection to the database of `sql-server.ts`. */
import { randomUUID } from 'node:crypto';

export interface QueryResult {
  readonly rows: unknown[];
  readonly rowCount?: number | null;
}

export interface Database {
  query(sql: string, values?: unknown[]): Promise<QueryResult>;
}

/** A new connection to the database at `url`, with its own transactions. */
export function connectSql(url: string): Database {
  const connection = randomUUID();
  return {
    async query(sql, values) {
      const response = await fetch(url, {
        method: 'POST',
        body: JSON.stringify({ connection, sql, values }),
      });
      const reply = (await response.json()) as { result: QueryResult } | { error: string };
      if ('error' in reply) throw new Error(reply.error);
      return reply.result;
    },
  };
}
