// The floor: SET NX PX and a compare-and-delete script by hand. Nothing of it makes a lock safe to use.
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, versionOf } from './clients.mjs';

export const COMPARE_AND_DELETE =
  "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
const SHA = createHash('sha1').update(COMPARE_AND_DELETE).digest('hex');

/** Between two attempts on a busy key, in ms: the shortest default among the peers. */
const RETRY = 10;

const raw = (name, note, options, prepare = () => () => undefined) => ({
  name,
  variant: name !== 'raw',
  version: `ioredis ${versionOf('ioredis')}`,
  base: name,
  note,
  async create({ port, ttl }) {
    const client = await connect(port, options);
    await client.script('LOAD', COMPARE_AND_DELETE);
    const beforeWrite = prepare(client);
    const session = randomUUID();
    let count = 0;
    return {
      async acquire(key) {
        const name = `raw:${key}`;
        const token = `${session}:${++count}`;
        for (;;) {
          beforeWrite();
          if ((await client.set(name, token, 'PX', ttl, 'NX')) === 'OK') break;
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
  raw('raw, auto-pipelining', 'enableAutoPipelining of ioredis', { enableAutoPipelining: true }),
  raw('raw, one write a tick', 'the socket corked until the tick ends', {}, oneWriteATick),
];
