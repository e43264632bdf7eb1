/** Starts several processes of the ticket office on one Redis. */
import { fileURLToPath } from 'node:url';
import { type TiedProcess, startTied } from '../storage/tied-process.js';

export interface Instance {
  readonly url: string;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const READY_WITHIN = 15_000;

/** Starts all instances or none. If one does not start, the others are stopped. */
export async function startInstances(count: number, redisUrl: string): Promise<Instance[]> {
  const env = { ...process.env, PORT: '0', REDIS_URL: redisUrl, NO_COLOR: '1' };
  const started = Array.from({ length: count }, () => startTied(process.execPath, [MAIN], env));
  try {
    return await Promise.all(started.map(open));
  } catch (error) {
    await Promise.all(started.map((instance) => instance.stop()));
    throw error;
  }
}

async function open(instance: TiedProcess): Promise<Instance> {
  const [, port] = await instance.says(/is open at http:\/\/\S+:(\d+)/, READY_WITHIN);
  return { url: `http://127.0.0.1:${port}`, stop: () => instance.stop() };
}
