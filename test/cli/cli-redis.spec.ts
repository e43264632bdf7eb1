/** The commands as processes, on a real Redis and on a real Cluster. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { LockInfo, LockOverview } from '../../lib/core/inspection/lock-info.js';
import { type Child, startChild } from '../support/child-process.js';
import { clusterLocksOn } from '../support/cluster-locks.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../support/redis-server.js';
import type { LocksHandlers } from '../support/workers/locks.worker.js';
import { type Program, buildProgram, execute, start } from './support/command.js';

let server: RedisServer;
let cluster: RedisCluster;
let program: Program;

beforeAll(async () => {
  [server, cluster, program] = await Promise.all([
    startRedis({ config: { requirepass: 'secret' } }),
    startRedisCluster(),
    buildProgram('lib/cli/main.ts'),
  ]);
}, 60_000);
afterAll(() => Promise.all([server.stop(), cluster.stop(), program.remove()]));

const ending: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  await Promise.all(ending.splice(0).map((end) => end()));
  const client = server.client({ password: 'secret' });
  await client.flushall();
  client.disconnect();
});

const urlOf = ({ port }: { readonly port: number }) => `redis://:secret@127.0.0.1:${port}`;

function locksOf(owner: string): Locks {
  const locks = locksOn({ url: urlOf(server) }, { owner, inspection: 'always' });
  ending.push(() => locks.close());
  return locks;
}

async function json<T>(args: readonly string[]): Promise<T[]> {
  const { code, stdout, stderr } = await execute(program, [...args, '--json'], { REDIS_URL: urlOf(server) });
  if (code !== 0) throw new Error(`Exit code ${code}: ${stderr}`);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((text) => JSON.parse(text) as T);
}

describe('nestjs-locked on Redis', () => {
  it('given locks of two processes, then ls lists each, with the holder and the callers that wait', async () => {
    const [a, b] = [locksOf('a:1'), locksOf('b:2')];
    await a.service.acquire('order:42');
    await b.service.acquire('order:43');
    const waiting = b.service.acquire('order:42', { wait: '20s' });
    waiting.catch(() => undefined);
    await eventually(
      async () => {
        const found = await json<LockInfo>(['ls']);
        expect(found.map(({ key, waiting: callers }) => [key, callers])).toEqual(
          expect.arrayContaining([
            ['order:42', 1],
            ['order:43', 0],
          ]),
        );
        expect(found).toHaveLength(2);
      },
      { within: 15_000 },
    );
    const { stdout } = await execute(program, ['ls', '--url', urlOf(server)]);
    expect(stdout.split('\n')[1]).toMatch(/^order:42 +exclusive +a:1 +\S+ +\S+ +1 +\S+$/);
  });

  it('given a deadlock of two processes, then ls names it', async () => {
    const [a, b] = [locksOf('a:1'), locksOf('b:2')];
    const holding = { x: deferred(), y: deferred() };
    const cross = [
      a.service.using('x', async () => {
        holding.x.resolve();
        await holding.y.promise;
        await a.service.acquire('y', { wait: '60s' });
      }),
      b.service.using('y', async () => {
        holding.y.resolve();
        await holding.x.promise;
        await b.service.acquire('x', { wait: '60s' });
      }),
    ];
    for (const each of cross) each.catch(() => undefined);
    await eventually(
      async () => {
        const { stdout } = await execute(program, ['ls'], { REDIS_URL: urlOf(server) });
        expect(stdout).toMatch(/^Deadlock: .*a:1 holds x and waits for y/m);
      },
      { within: 45_000 },
    );
  }, 60_000);

  it('given a process that stands still, and a foreign client, then a scan lists both as silent', async () => {
    const child: Child<LocksHandlers> = await startChild(
      new URL('../support/workers/locks.worker.ts', import.meta.url),
    );
    ending.push(() => child.kill());
    await child.call('open', urlOf(server), { owner: 'still:1', inspection: 'always' });
    await child.call('request', 'still', { ttl: '60s' });
    await child.call('acquired', 'still');
    child.pause();
    const client = server.client({ password: 'secret' });
    await client.set('lock:foreign', 'mine');
    client.disconnect();
    const found = await json<LockInfo>(['ls', '--scan']);
    expect(
      new Map(found.map(({ key, holders: [holder] }) => [key, [holder.answered, holder.remaining === null]])),
    ).toEqual(
      new Map([
        ['still', [false, false]],
        ['foreign', [false, true]],
      ]),
    );
    expect((await json<LockInfo>(['ls', 'f*', '--scan'])).map(({ key }) => key)).toEqual(['foreign']);
  });

  it('given a key with an escape sequence, then the terminal gets no control character', async () => {
    await locksOf('a:1').service.acquire('evil\x1b[2J');
    const { stdout } = await execute(program, ['ls'], { REDIS_URL: urlOf(server) });
    expect(stdout).toContain('evil\\x1b[2J');
    expect(stdout).not.toContain('\x1b');
  });

  it('given the id of a holder, then release takes the key from it, and the next caller gets it', async () => {
    const [a, b] = [locksOf('a:1'), locksOf('b:2')];
    const held = await a.service.acquire('order:42');
    const next = b.service.acquire('order:42', { wait: '20s' });
    const [info] = await json<LockInfo>(['inspect', 'order:42']);
    const args = [
      'release',
      'order:42',
      '--holder',
      info.holders[0].id,
      '--by',
      'jane',
      '--url',
      urlOf(server),
    ];
    const preview = await execute(program, args);
    expect(preview).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('This would release "order:42" from:'),
    });
    expect(held.held).toBe(true);

    expect(await execute(program, [...args, '--yes'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Released "order:42" from 1 holder\. Its process was told\./),
    });
    expect((await next).fence).toBeGreaterThan(held.fence);
    await eventually(() => expect(held.signal.aborted).toBe(true));
    // The id was of the former holder.
    expect((await execute(program, [...args, '--yes'])).code).toBe(1);
    expect((await next).held).toBe(true);
  });

  it('given watch, then it shows the locks as they are now', async () => {
    const a = locksOf('a:1');
    const lock = await a.service.acquire('first');
    const running = start(program, ['watch', '--json', '--interval', '100ms'], { REDIS_URL: urlOf(server) });
    const latest = () =>
      (JSON.parse(running.stdout.trimEnd().split('\n').at(-1)!) as LockOverview).locks.map(({ key }) => key);
    await eventually(() => expect(latest()).toEqual(['first']));
    await lock.release();
    await a.service.acquire('second');
    await eventually(() => expect(latest()).toEqual(['second']));
    running.child.kill('SIGINT');
    expect({ code: await running.ended, stderr: running.stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('given a wrong password, then it exits with 3 and does not print the password', async () => {
    const url = urlOf(server).replace('secret', 'wrong-one');
    const { code, stderr } = await execute(program, ['ls', '--url', url]);
    expect(stderr).toMatch(/cannot be reached: WRONGPASS|cannot be reached: .*password/);
    expect(stderr).not.toContain('wrong-one');
    expect(code).toBe(3);
  });
});

describe('nestjs-locked on a Cluster', () => {
  it('given --cluster and one node, then ls, inspect, a scan and release work', async () => {
    const locks = clusterLocksOn(cluster, { owner: 'a:1', inspection: 'always' });
    ending.push(() => locks.close());
    const keys = ['a', 'b', 'c', 'd'];
    const held = await Promise.all(keys.map((key) => locks.service.acquire(key)));
    const [{ port }] = cluster.nodes;
    const on = ['--cluster', '--url', `redis://127.0.0.1:${port}`];
    const listed = async (args: readonly string[]) => {
      const { stdout } = await execute(program, [...args, ...on, '--json']);
      return stdout
        .split('\n')
        .filter(Boolean)
        .map((text) => (JSON.parse(text) as LockInfo).key)
        .sort();
    };
    await eventually(async () => expect(await listed(['ls'])).toEqual(keys), { within: 15_000 });
    expect(await listed(['ls', '--scan'])).toEqual(keys);
    expect(await listed(['inspect', 'a'])).toEqual(['a']);
    const released = await execute(program, [
      'release',
      'a',
      '--holder',
      'any',
      '--by',
      'jane',
      '--yes',
      ...on,
    ]);
    expect(released).toMatchObject({ code: 0, stderr: '' });
    await eventually(() => expect(held[0].signal.aborted).toBe(true));
  });

  it('given a Cluster that is not complete, then each command fails, with the cause', async () => {
    const node = await startRedis({
      config: { 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf' },
    });
    ending.push(() => node.stop());
    await node.client().call('CLUSTER', 'ADDSLOTSRANGE', '0', '8000');
    const on = ['--cluster', '--url', node.url];
    const commands = [
      ['ls', '--json'],
      ['inspect', 'k'],
      ['release', 'k', '--holder', 'any', '--by', 'me', '--yes'],
    ];
    const all = await Promise.all(commands.map((args) => execute(program, [...args, ...on])));
    for (const result of all) {
      expect(result).toMatchObject({ code: 3, stdout: '' });
      expect(result.stderr).toMatch(/the Cluster was not ready for 4 s\. See "cluster_state"/);
    }
  });

  it('given --cluster and a single Redis, then the error is that of the server', async () => {
    const { code, stderr } = await execute(program, ['ls', '--cluster', '--url', urlOf(server)]);
    expect([code, stderr]).toEqual([3, expect.stringMatching(/cluster support disabled/)]);
  });
});
