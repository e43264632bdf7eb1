// Where a run took place.
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';

export async function describeMachine(server) {
  const info = await server.info('server');
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    server:
      info.valkey_version === undefined ? `Redis ${info.redis_version}` : `Valkey ${info.valkey_version}`,
    load: loadNow(),
  };
}

/** The load average of the last minute. Above what this run itself needs, figures are not worth much. */
export const loadNow = () => Number(loadavg()[0].toFixed(2));
