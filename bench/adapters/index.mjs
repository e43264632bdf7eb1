// Everything that is measured. An adapter is
//   { name, version, base, note?, variant?, takesPart?(scenario),
//     create({ port, ttl, patience, index, processes }) → { acquire(key) → release(), close(), rest?() } }
// where `base` names the raw row that sends its commands in the same way, and `variant` marks another mode of a library that
// has a row already.
// `release()` is awaited everywhere. A library is loaded in `create`: by the processes that use it, and by no other.
import barePublish from './bare-publish.mjs';
import nestjsLocked from './nestjs-locked.mjs';
import raw from './raw.mjs';
import redisSemaphore from './redis-semaphore.mjs';
import redlockUniversal from './redlock-universal.mjs';
import redlock from './redlock.mjs';
import verrou from './verrou.mjs';

export const adapters = [
  ...barePublish,
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

/** The adapters of a scenario. Where callers wait for each other, how commands are sent decides little: one mode of each. */
export function adaptersFor(scenario, among = adapters) {
  return among.filter(
    (adapter) =>
      (scenario.rows?.includes(adapter.name) ??
        !(adapter.variant && contended(scenario) && !scenario.also?.includes(adapter.name))) &&
      (adapter.takesPart?.(scenario) ?? true),
  );
}

const contended = ({ across, callers, slots }) => across === true || callers > slots;
