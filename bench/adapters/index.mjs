// Everything that is measured. An adapter is
//   { name, version, base, note?, variant?, kind?, takesPart?(scenario),
//     create({ port, ttl, patience, index, processes, limit }) → { acquire(key) → release(), close(), rest?() } }
// where `base` names the row that it is compared with (of locks, the raw one that sends its commands in the same way),
// `variant` marks another mode of a library that has a row already, and `kind` is what it takes: 'exclusive' (the default),
// 'shared', or one permit of a 'semaphore' of `limit`.
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

/** How many may be in a section at a time, by the kind of what they hold. */
export function mostInside({ kind = 'exclusive' }, { limit }) {
  return { exclusive: 1, shared: Infinity, semaphore: limit }[kind];
}

/** The adapters of a scenario: of the kinds that it asks for. Where callers wait for each other, how commands are sent decides little: one mode of each. */
export function adaptersFor(scenario, among = adapters) {
  return among.filter(
    (adapter) =>
      (scenario.kinds ?? ['exclusive']).includes(adapter.kind ?? 'exclusive') &&
      (scenario.rows?.includes(adapter.name) ??
        !(adapter.variant && contended(scenario) && !scenario.also?.includes(adapter.name))) &&
      (adapter.takesPart?.(scenario) ?? true),
  );
}

const contended = ({ across, callers, slots }) => across === true || callers > slots;
