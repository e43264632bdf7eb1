// One process that works for one adapter: it is told to run rounds by messages, and answers each with what it saw.
import { createRequire } from 'node:module';
import { adapterNamed } from './adapters/index.mjs';
import { commandsSent, countCommands } from './adapters/clients.mjs';
import { scenarioNamed } from './scenarios/index.mjs';

const {
  adapter: adapterName,
  scenario: scenarioName,
  index,
  port,
  ttl,
  patience,
} = JSON.parse(process.argv[2]);

/** Waits beyond this many a round count for the maximum only. */
const KEPT = 1 << 20;

countCommands(...copyOfTheRoot());
const scenario = scenarioNamed(scenarioName);
const locks = await adapterNamed(adapterName).create({ port, ttl, patience });

const inside = new Int32Array(scenario.slots);
const sections = new Float64Array(scenario.callers); // of each caller, ever
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

async function round(lasting) {
  globalThis.gc?.();
  const seen = { waits: 0, longest: 0, counted: 0, overlaps: 0 };
  const commands = commandsSent();
  const cpu = process.cpuUsage();
  const started = performance.now();
  const end = started + lasting;
  await Promise.all(Array.from({ length: scenario.callers }, (_, caller) => call(caller, end, seen)));
  const used = process.cpuUsage(cpu);
  return {
    elapsed: lasting,
    sections: seen.counted,
    allSections: seen.waits,
    overlaps: seen.overlaps,
    commands: commandsSent() - commands,
    cpu: used.user + used.system,
    longest: seen.longest,
    waits: kept.slice(0, Math.min(seen.waits, KEPT)),
  };
}

/**
 * One caller. Sections that end after the round's end do not count for the throughput; their waits do count, since
 * who still waits by then has waited longest.
 */
async function call(caller, end, seen) {
  const slot = scenario.slotOf(caller);
  for (;;) {
    const asked = performance.now();
    if (asked >= end) return;
    const release = await locks.acquire(scenario.keyOf(caller, sections[caller]++, index));
    const wait = performance.now() - asked;
    inside[slot] += 1;
    if (inside[slot] !== 1) seen.overlaps += 1;
    await null; // The section gives way once: whoever else was let in shows.
    inside[slot] -= 1;
    await release();
    if (seen.waits < KEPT) kept[seen.waits] = wait;
    seen.waits += 1;
    if (wait > seen.longest) seen.longest = wait;
    if (performance.now() <= end) seen.counted += 1;
  }
}

/** The repository's own copy of ioredis: what nestjs-locked uses for a client of its own. */
function copyOfTheRoot() {
  try {
    return [createRequire(new URL('../dist/esm/index.js', import.meta.url))('ioredis').Redis];
  } catch {
    return [];
  }
}
