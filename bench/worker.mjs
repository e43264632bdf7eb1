// One process that works for one adapter. Messages tell it to run rounds, and each is answered with what it saw.
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { adapterNamed, mostInside } from './adapters/index.mjs';
import { commandsSent, countCommands, withoutKernel } from './adapters/clients.mjs';
import { scenarioNamed } from './scenarios/index.mjs';
import { pause, systemNow, toLocal } from './support/clock.mjs';
import { ENTRY } from './support/history.mjs';
import { startLoad } from './support/load.mjs';
import { ours } from './support/ours.mjs';

const { adapter: adapterName, scenario: scenarioName, index, ...settings } = JSON.parse(process.argv[2]);

/** Waits beyond this many a round count for the maximum only. */
const KEPT = 1 << 20;
/** Between the end of a round and the end of all waiting, where an adapter needs one, in ms. */
const REST_AFTER = 50;

countCommands(...copyOfTheRoot());
const scenario = scenarioNamed(scenarioName);
const { processes } = scenario;
const learnt = scenario.kernel === false ? await withoutKernel() : undefined;
const adapter = adapterNamed(adapterName);
const locks = await adapter.create({ entry: ours, ...settings, index, processes });
const most = mostInside(adapter, scenario);

const inside = new Int32Array(scenario.slots);
const holds = new Float64Array(scenario.callers); // of each caller, ever
const kept = new Float64Array(KEPT);

process.on('message', (message) => {
  void answer(message).then(
    (reply) => process.send(reply),
    (error) => process.send({ error: String(error?.stack ?? error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });

async function answer(message) {
  if (message.round !== undefined) return round(message.round);
  await locks.close();
  setImmediate(() => process.disconnect());
  return { closed: true };
}

/**
 * All processes of a team begin and end at the same times, which are of the clock they share. They work for `lead` ms before.
 * Waits and holds that end in the lead count for the costs of a hold alone.
 */
async function round({ from, to, lead, hurried }) {
  const seen = { holds: 0, waits: 0, longest: 0, counted: 0, overlaps: 0 };
  seen.from = toLocal(from);
  seen.log = scenario.across ? [] : undefined;
  // Undefined: the hold gives way once.
  seen.lasting = hurried ? undefined : scenario.holdMs;
  const early = from - lead - systemNow();
  if (early > 0) await pause(early);
  const endLoad = !hurried && scenario.load?.process === index ? startLoad(scenario.load) : undefined;
  const commands = commandsSent();
  const learntBefore = learnt?.commands ?? 0;
  const cpu = process.cpuUsage();
  const end = toLocal(to);
  const callers = (hurried && scenario.warmers) || scenario.callers;
  const calls = Promise.all(Array.from({ length: callers }, (_, caller) => call(caller, end, seen)));
  if (locks.rest !== undefined) {
    await sleep(to + REST_AFTER - systemNow());
    locks.rest();
  }
  await calls;
  const used = process.cpuUsage(cpu);
  return {
    holds: seen.counted,
    allHolds: seen.holds,
    overlaps: seen.overlaps,
    commands: commandsSent() - commands,
    learnt: (learnt?.commands ?? 0) - learntBefore,
    cpu: used.user + used.system,
    longest: seen.longest,
    waits: kept.slice(0, Math.min(seen.waits, KEPT)),
    log: seen.log && onSharedClock(seen.log),
    load: endLoad?.(),
  };
}

/**
 * One caller. Holds that end after the round's end do not count for the throughput. Their waits do count: a caller that still
 * waits by then has waited longest.
 */
async function call(caller, end, seen) {
  const slot = scenario.slotOf(caller);
  const { log, lasting } = seen;
  for (;;) {
    const requested = performance.now();
    if (requested >= end) return;
    const release = await locks.acquire(scenario.keyOf(caller, holds[caller]++, index));
    if (release === undefined) return;
    const began = performance.now();
    const wait = began - requested;
    inside[slot] += 1;
    if (inside[slot] > most) seen.overlaps += 1;
    if (lasting === undefined)
      await null; // The hold gives way once, so that an overlapping one shows.
    else await pause(lasting);
    inside[slot] -= 1;
    const counts = began >= seen.from;
    if (counts) log?.push(requested, began, performance.now());
    await release();
    seen.holds += 1;
    if (!counts) continue;
    if (seen.waits < KEPT) kept[seen.waits] = wait;
    seen.waits += 1;
    if (wait > seen.longest) seen.longest = wait;
    if (performance.now() <= end) seen.counted += 1;
  }
}

function onSharedClock(log) {
  const offset = -toLocal(0);
  const shared = new Float64Array(log.length - (log.length % ENTRY));
  for (let i = 0; i < shared.length; i += 1) shared[i] = log[i] + offset;
  return shared;
}

/** The repository's own copy of ioredis, which nestjs-locked uses for a client of its own. */
function copyOfTheRoot() {
  try {
    return [createRequire(ours)('ioredis').Redis];
  } catch {
    return [];
  }
}
