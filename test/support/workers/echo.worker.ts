/**
 * The worker for the spec of child processes: it imports the TypeScript of the library, replies, and starts a server.
 */
import { LockBusyError } from '../../../lib/errors/index.js';
import { serve } from '../child-worker.js';
import { startRedis } from '../redis-server.js';

export type EchoHandlers = typeof handlers;

export const handlers = serve({
  echo: <T>(value: T): T => value,
  fail(): never {
    throw new LockBusyError('k', 0);
  },
  async redis(): Promise<{ port: number; dir: string }> {
    const server = await startRedis();
    return { port: server.port, dir: server.dir! };
  },
  exit: (code: number): never => process.exit(code),
});
