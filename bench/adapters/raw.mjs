// The floor: SET NX PX and a compare-and-delete script by hand. Nothing of it makes a lock safe to use.
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, versionOf } from './clients.mjs';

export const COMPARE_AND_DELETE =
  "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
const SHA = createHash('sha1').update(COMPARE_AND_DELETE).digest('hex');

/** Between two attempts on a busy key, in ms: the shortest default among the peers. */
const RETRY = 10;

/** What a user would write for a fence, as each lock of nestjs-locked has one. */
const SET_AND_FENCE =
  "if redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return redis.call('INCR', KEYS[2]) end return 0";
const FENCED_SHA = createHash('sha1').update(SET_AND_FENCE).digest('hex');

const plain = {
  take: async (client, name, token, ttl) => (await client.set(name, token, 'PX', ttl, 'NX')) === 'OK',
};
const fenced = {
  take: async (client, name, token, ttl) =>
    (await client.evalsha(FENCED_SHA, 2, name, 'raw:fence', token, ttl)) > 0,
};

const raw = (name, note, options, prepare = () => () => undefined, { take } = plain) => ({
  name,
  variant: name !== 'raw',
  version: `ioredis ${versionOf('ioredis')}`,
  base: name,
  note,
  async create({ port, ttl }) {
    const client = await connect(port, options);
    await client.script('LOAD', COMPARE_AND_DELETE);
    await client.script('LOAD', SET_AND_FENCE);
    const beforeWrite = prepare(client);
    const session = randomUUID();
    let count = 0;
    return {
      async acquire(key) {
        const name = `raw:${key}`;
        const token = `${session}:${++count}`;
        for (;;) {
          beforeWrite();
          if (await take(client, name, token, ttl)) break;
          await sleep(RETRY);
        }
        return () => {
          beforeWrite();
          return client.evalsha(SHA, 1, name, token);
        };
      },
      close: () => client.quit(),
    };
  },
});

/** Gathers what is sent in one tick into one write to the socket. */
function oneWriteATick(client) {
  let corked = false;
  return () => {
    if (corked) return;
    corked = true;
    const { stream } = client;
    stream.cork();
    process.nextTick(() => {
      corked = false;
      stream.uncork();
    });
  };
}

export default [
  raw('raw', 'one socket write a command'),
  raw('raw, fenced', 'SET NX PX and INCR in one script', {}, undefined, fenced),
  raw('raw, auto-pipelining', 'enableAutoPipelining of ioredis', { enableAutoPipelining: true }),
  raw('raw, one write a tick', 'the socket corked until the tick ends', {}, oneWriteATick),
];
