/** What the commands print, on locks that stand still. */
/* eslint-disable no-control-regex -- the escape sequences of terminals */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { columnsOf } from '../../lib/cli/columns.js';
import { HELP } from '../../lib/cli/input/help.js';
import { run } from '../../lib/cli/run.js';
import type { Ending, Terminal } from '../../lib/cli/terminal.js';
import type { LockInspector, OpenedLocks } from '../../lib/cli/inspector.js';
import { aligned } from '../../lib/cli/table.js';
import { LockStoreError } from '../../lib/errors/index.js';
import type { LockInfo } from '../../lib/core/inspection/lock-info.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type Program, VERSION, buildProgram, execute, start } from './support/command.js';
import { LOCKS, fakeLocks } from './support/fake-locks.js';

let fake: Program;
let real: Program;

beforeAll(async () => {
  [fake, real] = await Promise.all(
    ['test/cli/support/fake.main.ts', 'lib/cli/main.ts'].map((entry) => buildProgram(entry)),
  );
});

afterAll(async () => {
  await Promise.all([fake.remove(), real.remove()]);
});

/** Runs a command in this process, on a terminal of 60 columns and 6 rows. */
async function onTerminal(
  args: readonly string[],
  changes: Partial<LockInspector> = {},
  opening: (locks: LockInspector) => Promise<OpenedLocks> = async (locks) => ({
    locks,
    close: async () => {},
  }),
) {
  const ending = new AbortController();
  const written: string[] = [];
  const noted: string[] = [];
  const terminal: Terminal = {
    write: (text) => void written.push(text),
    note: (text) => void noted.push(text),
    interactive: true,
    colours: true,
    size: () => ({ columns: 60, rows: 6 }),
    signal: ending.signal,
  };
  const locks = fakeLocks(changes);
  const ended = run({
    args,
    env: {},
    version: VERSION,
    terminal,
    open: () => opening(locks),
  });
  return { ended, written, noted, locks, end: (reason: Ending = 'SIGINT') => ending.abort(reason) };
}

const never = () => new Promise<never>(() => {});

describe('nestjs-locked ls', () => {
  it('given locks, then it prints a table with the longest wait first, and what nobody answered', async () => {
    const { code, stdout } = await execute(fake, ['ls']);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        'KEY                 KIND       HELD BY               FOR   LEFT      WAITING  LONGEST',
        'order:42            exclusive  OrdersController.pay  1.4s  28.3s     14       1.3s',
        'report              shared     Reports.read +1       5m    28.2s     0        0ms',
        'evil\\x1b[31m\\u202e  exclusive  \\x1b]0;title\\x07      4ms   28.2s     0        0ms',
        'foreign             foreign    a foreign client      ?     for ever  0        0ms      silent',
        'Deadlock: api-1:101 holds a and waits for b; Transfers.move holds b and waits for a.',
        'No answer from 2 processes.',
        '',
      ].join('\n'),
    );
  });

  it('given --json, then each lock is one text line, and the rest is on stderr', async () => {
    const { stdout, stderr } = await execute(fake, ['ls', '--json']);
    const keys = stdout
      .trimEnd()
      .split('\n')
      .map((text) => (JSON.parse(text) as { key: string }).key);
    expect(keys).toEqual(LOCKS.map(({ key }) => key));
    expect(stdout).not.toContain('\x1b');
    expect(stderr).toContain('Deadlock: ');
  });

  it('given --scan and a pattern, then it lists what the scan finds', async () => {
    const { stdout } = await execute(fake, ['ls', 'report', '--scan']);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'KEY     KIND    HELD BY          FOR  LEFT   WAITING  LONGEST',
      'report  shared  Reports.read +1  5m   28.2s  0        0ms',
    ]);
    expect((await execute(fake, ['ls', 'none', '--scan'])).stdout).toBe('No locks are held or waited for.\n');
  });

  it('given a terminal, then only its header and silent holders have colours', async () => {
    const { ended, written } = await onTerminal(['ls']);
    expect(await ended).toBe(0);
    const coloured = written.filter((text) => text.includes('\x1b['));
    expect(coloured).toEqual([
      expect.stringMatching(/^\x1b\[1mKEY/),
      expect.stringMatching(/^\x1b\[33mforeign/),
    ]);
  });
});

describe('nestjs-locked inspect', () => {
  it('given a key, then it prints the holders with their ids, the queue and the callers', async () => {
    const { code, stdout } = await execute(fake, ['inspect', 'order:42']);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        'order:42  exclusive',
        '',
        'HOLDERS',
        '  ID        HELD BY               PROCESS    FOR   LEFT   FENCE',
        '  3f2a9c01  OrdersController.pay  api-1:101  1.4s  28.3s  1769860799000001',
        '    template order:{params.id}, at src/orders.controller.ts:31:9',
        '',
        'QUEUE  14 callers in 2 processes',
        '  PROCESS    KIND       WAITED  CALLERS',
        '  api-2:102  exclusive  1.3s    13',
        '    OrdersController.pay waits for 1.3s, holds customer:7',
        '    … 12 more callers',
        '  api-3:103  exclusive  900ms   ?        silent',
        '',
      ].join('\n'),
    );
  });

  it('given a free key, then it says so, and null as JSON', async () => {
    expect((await execute(fake, ['inspect', 'free'])).stdout).toBe(
      '"free" is neither held nor waited for.\n',
    );
    expect((await execute(fake, ['inspect', 'free', '--json'])).stdout).toBe('null\n');
  });
});

describe('nestjs-locked release', () => {
  const args = ['release', 'order:42', '--holder', '3f2a9c01', '--by', 'jane'];

  it('given no --yes, then it says what it would do, releases nothing and exits with 1', async () => {
    const { ended, written, locks } = await onTerminal(args);
    expect(await ended).toBe(1);
    expect(locks.released).toEqual([]);
    expect(written.join('')).toContain(
      'This would release "order:42" from:\n  3f2a9c01  OrdersController.pay on api-1:101',
    );
    expect(written.join('')).toContain('The next of 14 callers would get the key.');
    expect(written.join('')).toContain('Repeat the command with --yes');
  });

  it('given --yes, then it releases the holder by its id, tells the risk and exits with 0', async () => {
    const { ended, written, locks } = await onTerminal([...args, '--reason', 'stuck', '--yes']);
    expect(await ended).toBe(0);
    expect(locks.released).toEqual([{ key: 'order:42', holder: '3f2a9c01', by: 'jane', reason: 'stuck' }]);
    expect(written.join('')).toMatch(
      /^Released "order:42" from 1 holder\. Its process was told\..*not stopped/,
    );
  });

  it('given a holder that has gone, then nothing is released and it exits with 1', async () => {
    const stale = ['release', 'order:42', '--holder', 'stale', '--by', 'jane'];
    for (const more of [[], ['--yes'], ['--json'], ['--json', '--yes']]) {
      expect((await execute(fake, [...stale, ...more])).code).toBe(1);
    }
    expect((await execute(fake, [...stale, '--yes'])).stdout).toBe(
      'Nothing was released: "order:42" is not held by the holder stale.\n',
    );
  });
});

describe('nestjs-locked watch', () => {
  it('given a pipe, then it prints a block each interval, without escape sequences, until SIGINT', async () => {
    const running = start(fake, ['watch', '--interval', '100ms']);
    await eventually(() =>
      expect(running.stdout.split('2026-01-31T12:00:00.000Z\nKEY').length).toBeGreaterThan(2),
    );
    running.child.kill('SIGINT');
    expect(await running.ended).toBe(0);
    expect(running.stdout).not.toContain('\x1b');
    expect(running.stderr).toBe('');
  });

  it('given --json, then each interval is one text line', async () => {
    const running = start(fake, ['watch', '--json', '--interval', '100ms']);
    await eventually(() => expect(running.stdout.split('\n').length).toBeGreaterThan(2));
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);
    const [first] = running.stdout.split('\n');
    expect((JSON.parse(first) as { locks: unknown[] }).locks).toHaveLength(LOCKS.length);
  });

  it('given a reader that closes the pipe, then it ends quietly', async () => {
    const running = start(fake, ['watch', '--interval', '100ms']);
    await eventually(() => expect(running.stdout).not.toBe(''));
    running.child.stdout!.destroy();
    expect(await running.ended).toBe(0);
    expect(running.stderr).toBe('');
  });

  it('given a small terminal, then it redraws in place, no row wraps, and the cursor comes back', async () => {
    const { ended, written, end } = await onTerminal(['watch', '--interval', '100ms']);
    await eventually(() => expect(written.length).toBeGreaterThan(2));
    end();
    expect(await ended).toBe(0);
    expect(written[0]).toBe('\x1b[?25l');
    expect(written.at(-1)).toBe('\x1b[?25h');
    const [first, second] = written.slice(1);
    expect(first).toMatch(/^\x1b\[J2026/);
    expect(second).toMatch(/^\x1b\[5F\x1b\[J2026/);
    const rows = second
      .replaceAll(/\x1b\[[\d;]*[A-Za-z]/g, '')
      .trimEnd()
      .split('\n');
    expect(rows).toHaveLength(5);
    expect(rows.at(-1)).toBe('… 4 more');
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(60);
  });

  it('given a Redis that fails for a time, then it shows the error and goes on', async () => {
    let questions = 0;
    const whole = fakeLocks();
    const { ended, written, end } = await onTerminal(['watch', '--interval', '100ms'], {
      overview: () =>
        questions++ === 0 ? Promise.reject(new LockStoreError('Redis is away.')) : whole.overview(),
    });
    await eventually(() => expect(written.join('')).toContain('KEY'));
    end();
    expect(await ended).toBe(0);
    expect(written.join('')).toContain('Redis is away.');
  });
});

describe('a command that is interrupted', () => {
  const release = ['release', 'order:42', '--holder', '3f2a9c01', '--by', 'jane'];

  it.each<[string, readonly string[], NodeJS.Signals, number, string]>([
    ['ls', ['ls'], 'SIGINT', 130, ''],
    ['a scan', ['ls', '--scan'], 'SIGTERM', 143, ''],
    ['inspect', ['inspect', 'order:42'], 'SIGTERM', 143, ''],
    ['the preview of a release', release, 'SIGINT', 130, ''],
    [
      'a release',
      [...release, '--yes'],
      'SIGINT',
      130,
      'Interrupted. It is not known whether order:42 was released. See: nestjs-locked inspect order:42\n',
    ],
    ['watch', ['watch'], 'SIGINT', 0, ''],
  ])(
    'given %s on a Redis that does not answer, then it ends at once',
    async (_, args, signal, code, note) => {
      const running = start(fake, args, { FAKE_HANGS: 'yes' });
      await eventually(() => expect(running.stderr).toBe('waits\n'));
      running.child.kill(signal);
      expect(await running.ended).toBe(code);
      expect({ stdout: running.stdout, stderr: running.stderr }).toEqual({
        stdout: '',
        stderr: `waits\n${note}`,
      });
    },
  );

  it('given a release whose connection is not made yet, then it says that nothing was released', async () => {
    const { ended, noted, end } = await onTerminal([...release, '--yes'], {}, never);
    end('SIGTERM');
    expect(await ended).toBe(143);
    expect(noted.join('')).toBe('Interrupted. Nothing was released.\n');
  });

  it('given a command that has ended, then its exit code stays, although the connection does not close', async () => {
    const closing = deferred();
    const close = () => {
      closing.resolve();
      return never();
    };
    const { ended, noted, end } = await onTerminal([...release, '--yes'], {}, async (locks) => ({
      locks,
      close,
    }));
    await closing.promise;
    end();
    expect(await ended).toBe(0);
    expect(noted).toEqual([]);
  });

  it('given a closed pipe, then ls ends with 0', async () => {
    const { ended, end } = await onTerminal(['ls'], { overview: never });
    end('closed pipe');
    expect(await ended).toBe(0);
  });

  it('given watch on a terminal during a question, then the cursor comes back', async () => {
    const { ended, written, end } = await onTerminal(['watch'], { overview: never });
    await eventually(() => expect(written).toEqual(['\x1b[?25l']));
    end();
    expect(await ended).toBe(0);
    expect(written).toEqual(['\x1b[?25l', '\x1b[?25h']);
  });
});

describe('text from other processes', () => {
  const key = 'a\u009b31m\u202e\u2028\u{e0001}';
  const lock: LockInfo = { key, kind: 'exclusive', at: new Date(), holders: [], queue: [], waiting: 0 };
  const found = { at: new Date(), processes: [], locks: [lock], cycles: [], troubles: [], silent: 0 };

  it.each([
    ['ls', []],
    ['ls', ['--scan']],
    ['inspect', [key]],
    ['watch', []],
    ['release', [key, '--holder', 'any', '--by', 'jane']],
    ['release', [key, '--holder', 'any', '--by', 'jane', '--yes']],
  ])(
    'given %s with --json, then a key with control characters is escaped and stays readable',
    async (...[command, args]) => {
      const { ended, written, end } = await onTerminal([command, ...args, '--json'], {
        overview: async () => found,
        inspect: async () => lock,
        async *list() {
          yield lock;
        },
      });
      await eventually(() => expect(written).not.toEqual([]));
      end();
      await ended;
      const [text] = written;
      expect(text.trimEnd()).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      const parsed = JSON.parse(text) as { key?: string; locks?: Array<{ key: string }> };
      expect(parsed.locks?.[0].key ?? parsed.key).toBe(key);
    },
  );

  it('given wide characters, then a row of watch is not wider than the terminal', async () => {
    const wide = { ...lock, key: '注文'.repeat(45) };
    const { ended, written, end } = await onTerminal(['watch'], {
      overview: async () => ({ ...found, locks: [wide] }),
    });
    await eventually(() => expect(written.length).toBeGreaterThan(1));
    end();
    await ended;
    const row = written[1].split('\n').find((text) => text.startsWith('注文'))!;
    expect(row).toMatch(/^(?:注文)+注?… +exclusive /);
    expect(columnsOf(row)).toBeGreaterThan(50);
    expect(columnsOf(row)).toBeLessThanOrEqual(60);
  });

  it.each([
    ['wide characters', '注文'],
    ['Hangul', '한글'],
    ['pictures', '🔒🔑'],
    ['full-width forms', 'ＡＢ'],
    ['combining marks', 'e\u0301a\u0300bc'],
    ['letters of one column', 'ﾃｽﾄé'],
  ])('given %s, then the cells of a table are below each other', (_, four) => {
    expect(
      aligned([
        ['abcd', 'x'],
        [four, 'x'],
        ['', 'x'],
      ]),
    ).toEqual(['abcd  x', `${four}  x`, '      x']);
  });

  it.each([
    ['give a Cluster client of ioredis in the "redis" option.', 'add --cluster.'],
    ['point the "redis" option at the master.', 'point --url at the master.'],
    ['give "username" and "password" in the "redis" option.', 'give "username" and "password" in --url.'],
  ])('given the advice to %s, then it is about the options of the program', async (advice, told) => {
    const overview = () => Promise.reject(new LockStoreError(`Redis failed: ${advice}`));
    const { ended, noted } = await onTerminal(['ls'], { overview });
    expect(await ended).toBe(3);
    expect(noted.join('')).toBe(`Redis failed: ${told}\n`);
  });

  it('given an error that no command expects, then it has no control characters and no password', async () => {
    const overview = () => Promise.reject(new TypeError('\x1b[31mredis://jane:hunter2@host\u202e failed'));
    const { ended, noted } = await onTerminal(['ls'], { overview });
    expect(await ended).toBe(1);
    expect(noted.join('')).toMatch(/^TypeError: \\x1b\[31mredis:\/\/\*\*\*@host\\u202e failed\n +at /);
    expect(noted.join('')).not.toContain('hunter2');
  });
});

describe('nestjs-locked', () => {
  it('given a closed standard error, then the exit code is that of the mistake', async () => {
    const running = start(real, ['ls', '--nope']);
    running.child.stderr!.destroy();
    expect(await running.ended).toBe(2);
  });

  it('given --help, --version or nothing, then it prints the help or the version', async () => {
    expect(await execute(real, ['--help'])).toEqual({ code: 0, stdout: HELP, stderr: '' });
    expect(await execute(real, [])).toEqual({ code: 0, stdout: HELP, stderr: '' });
    expect(await execute(real, ['--version'])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
  });

  it.each([
    [['list'], 'There is no command "list": ls, watch, inspect, release.'],
    [['--json'], 'A command is missing'],
    [['ls', '--jsn'], "Unknown option '--jsn'"],
    [['ls', '--yes'], '"ls" has no option --yes.'],
    [['ls', 'order:*'], 'A pattern needs --scan'],
    [['inspect'], '"inspect" needs a key, and got 0 operands.'],
    [['inspect', 'a', 'b'], '"inspect" needs a key, and got 2 operands.'],
    [['inspect', ''], 'A key cannot be empty.'],
    [
      ['release', 'a', '--by', 'jane'],
      '"release" needs --holder <id>. See the ids by: nestjs-locked inspect a.',
    ],
    [['release', 'a', '--holder', 'b'], '"release" needs --by <name>'],
    [['watch', '--interval', '5 parsecs'], '--interval is "5 parsecs"'],
    [['watch', '--interval', '1ms'], 'it must be at least 100 ms'],
    [['ls', '--url', 'http://u:secret@host'], `The lock option "--url" is 'http://***@host'`],
    [['watch', '--interval', 'redis://u:secret@host'], '--interval is "redis://***@host"'],
    [['ls', '--patience=redis://u:secret@host'], '--patience is "redis://***@host"'],
    [['ls', '--json=redis://u:secret@host'], "Option '--json' does not take an argument"],
    [
      ['release', 'redis://u:secret@host', '--by', 'jane'],
      'See the ids by: nestjs-locked inspect redis://***@host.',
    ],
    [['redis://u:secret@host'], 'There is no command "redis://***@host"'],
    [['ls', '--cluster', '--url', '/tmp/redis.sock'], 'A Cluster needs a URL with a host'],
  ])('given %j, then it exits with 2 and says what is wrong', async (args, message) => {
    const { code, stdout, stderr } = await execute(real, args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('secret');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it.each([['--url'], ['REDIS_URL']])(
    'given a Redis that is away, by %s, then it exits with 3 and hides the password',
    async (by) => {
      const url = 'redis://user:secret@127.0.0.1:1';
      const { code, stderr } = await (by === '--url'
        ? execute(real, ['ls', '--url', url])
        : execute(real, ['ls'], { REDIS_URL: url }));
      expect(stderr).toBe(
        'Redis at redis://***@127.0.0.1:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1\n',
      );
      expect(code).toBe(3);
    },
  );
});
