// Everything that is measured. An adapter is
//   { name, version, base, note?, create({ port, ttl }) → { acquire(key) → release(), close() } }
// where `base` names the raw row that sends its commands in the same way. `release()` is awaited everywhere.
import nestjsLocked from './nestjs-locked.mjs';
import raw from './raw.mjs';
import redisSemaphore from './redis-semaphore.mjs';
import redlockUniversal from './redlock-universal.mjs';
import redlock from './redlock.mjs';
import verrou from './verrou.mjs';

export const adapters = [
  ...raw,
  ...nestjsLocked,
  ...redisSemaphore,
  ...redlock,
  ...redlockUniversal,
  ...verrou,
];

export function adapterNamed(name) {
  const adapter = adapters.find((each) => each.name === name);
  if (adapter === undefined) throw new Error(`No adapter is named ${name}.`);
  return adapter;
}
