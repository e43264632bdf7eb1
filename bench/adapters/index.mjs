// Everything that is measured. An adapter is
//   { name, version, base, note?, variant?, kind?, build?, takesPart?(scenario),
//     create({ port, ttl, patience, index, processes, limit, entry }) → { acquire(key) → release(), close(), rest?() } }
//   base      the row that it is compared with: of locks, the raw one that sends its commands in the same way
//   variant   another mode of a library that has a row already
//   kind      what it takes: 'exclusive' (the default), 'shared', or one permit of a 'semaphore' of `limit`
//   build     of nestjs-locked: 'this' or 'other', where the other has the `entry` to load, and the `twin` of this build
// `release()` is awaited everywhere. A library is loaded in `create`, so no process loads one that it does not use.
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

/** The adapters, and beside each one of ours the same one on another build. @param build as `copyBuild` returns it */
export function withOtherBuild(build, among = adapters) {
  return among.flatMap((adapter) => {
    if (adapter.build !== 'this') return [adapter];
    const { entry, version } = build;
    const name = `${adapter.name} (other build)`;
    return [adapter, { ...adapter, name, build: 'other', twin: adapter.name, entry, version }];
  });
}

/** How many holds may overlap, by the kind of the lock. */
export function mostInside({ kind = 'exclusive' }, { limit }) {
  return { exclusive: 1, shared: Infinity, semaphore: limit }[kind];
}

/**
 * The adapters of a scenario, of the kinds that it names. Where callers wait for each other, the way of sending decides little:
 * one mode of each library will do.
 */
export function adaptersFor(scenario, among = adapters) {
  return among.filter((adapter) => {
    const name = adapter.twin ?? adapter.name;
    return (
      (scenario.kinds ?? ['exclusive']).includes(adapter.kind ?? 'exclusive') &&
      (scenario.rows?.includes(name) ??
        !(adapter.variant && contended(scenario) && !scenario.also?.includes(name))) &&
      (adapter.takesPart?.(scenario) ?? true)
    );
  });
}

const contended = ({ across, callers, slots }) => across === true || callers > slots;
