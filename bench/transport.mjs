// Why the Redis store sends its scripts as it does. The ways of ioredis to send one script are side by side, with one and
// with 64 callers. A hold is an acquire (SET NX PX and a counter, in a script) and a compare-and-delete script.
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { connect, versionOf } from './adapters/clients.mjs';
import { COMPARE_AND_DELETE as RELEASE } from './adapters/raw.mjs';
import { describeMachine } from './support/machine.mjs';
import { startServer } from './support/server.mjs';
import { median, spread } from './support/stats.mjs';
import { count, markdownTable } from './support/table.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, seconds: { type: 'string', default: '0.1' } },
});

const ACQUIRE =
  "local f = redis.call('INCR', KEYS[2]) " +
  "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return f end return 0";
const sha = (lua) => createHash('sha1').update(lua).digest('hex');
const [A, R] = [sha(ACQUIRE), sha(RELEASE)];

const server = await startServer();
const clients = [];
try {
  const machine = await describeMachine(server);
  console.log(
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.server}, ioredis ${versionOf('ioredis')}`,
  );
  const plain = await open({});
  const piped = await open({ enableAutoPipelining: true });
  await plain.script('LOAD', ACQUIRE);
  await plain.script('LOAD', RELEASE);
  const ways = {
    'raw (SET NX PX by hand)': raw(plain),
    "call('EVALSHA', …)": call(plain),
    'evalsha(…)': evalsha(plain),
    defineCommand: defined(plain),
    'raw, corked until nextTick': corked(plain, raw(plain), process.nextTick),
    "call('EVALSHA', …), corked until nextTick": corked(plain, call(plain), process.nextTick),
    "call('EVALSHA', …), corked until setImmediate": corked(plain, call(plain), setImmediate),
    'raw, enableAutoPipelining': raw(piped),
    "call('EVALSHA', …), enableAutoPipelining": call(piped),
    'defineCommand, enableAutoPipelining': defined(piped),
  };
  for (const callers of [1, 64]) await compare(ways, callers);
} finally {
  for (const client of clients) client.disconnect();
  await server.stop();
}

async function compare(ways, callers) {
  const seen = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  const names = Object.keys(ways);
  for (const name of names) await round(ways[name], callers);
  for (let n = 0; n < Number(values.rounds); n += 1) {
    for (let i = 0; i < names.length; i += 1) {
      const name = names[(i + n) % names.length];
      seen[name].push(await round(ways[name], callers));
    }
  }
  const speed = (name) => median(seen[name].map((each) => each.perSecond));
  console.log(`\n### ${callers} in flight\n`);
  console.log(
    markdownTable(
      ['', 'holds/s', '±', 'to raw', 'client CPU µs a command'],
      names.map((name) => [
        name,
        count(speed(name)),
        `${(spread(seen[name].map((each) => each.perSecond)) * 100).toFixed(0)} %`,
        (speed(name) / speed(names[0])).toFixed(2),
        median(seen[name].map((each) => each.cpu)).toFixed(1),
      ]),
    ),
  );
}

async function round({ acquire, release }, callers) {
  const lasting = Number(values.seconds) * 1000;
  const cpu = process.cpuUsage();
  const started = performance.now();
  const end = started + lasting;
  let holds = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let n = 0; performance.now() < end; n += 1, holds += 1) {
        const key = `key:${caller}`;
        const token = `${caller}:${n}`;
        await acquire(key, token);
        await release(key, token);
      }
    }),
  );
  const used = process.cpuUsage(cpu);
  return {
    perSecond: (holds / (performance.now() - started)) * 1000,
    cpu: (used.user + used.system) / holds / 2,
  };
}

async function open(options) {
  const client = await connect(server.port, options);
  clients.push(client);
  return client;
}

function raw(client) {
  return {
    acquire: (key, token) => client.set(key, token, 'PX', 30_000, 'NX'),
    release: (key, token) => client.evalsha(R, 1, key, token),
  };
}

function call(client) {
  return {
    acquire: (key, token) => client.call('EVALSHA', A, '2', key, 'fence', token, '30000'),
    release: (key, token) => client.call('EVALSHA', R, '1', key, token),
  };
}

function evalsha(client) {
  return {
    acquire: (key, token) => client.evalsha(A, 2, key, 'fence', token, 30_000),
    release: (key, token) => client.evalsha(R, 1, key, token),
  };
}

function defined(client) {
  client.defineCommand('acquireLock', { lua: ACQUIRE, numberOfKeys: 2 });
  client.defineCommand('releaseLock', { lua: RELEASE, numberOfKeys: 1 });
  return {
    acquire: (key, token) => client.acquireLock(key, 'fence', token, 30_000),
    release: (key, token) => client.releaseLock(key, token),
  };
}

function corked(client, way, later) {
  let isCorked = false;
  const cork = (send) => (key, token) => {
    if (!isCorked) {
      isCorked = true;
      const { stream } = client;
      stream.cork();
      later(() => {
        isCorked = false;
        stream.uncork();
      });
    }
    return send(key, token);
  };
  return { acquire: cork(way.acquire), release: cork(way.release) };
}
