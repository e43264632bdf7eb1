/** Keys and labels in messages and log messages: quoted, escaped so that no message spans two text lines, and cut. */
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseTemplate } from '../../lib/core/keys/key-template.js';
import { keyPart } from '../../lib/core/keys/key-value.js';
import { normaliseKeys } from '../../lib/core/keys/normalise-keys.js';
import { kindConflict } from '../../lib/core/contracts/kind-conflict.js';
import { newSessionId, SHARED, TokenGenerator } from '../../lib/core/contracts/token.js';
import {
  LockAbortedError,
  LockBusyError,
  LockDeadlockError,
  type LockError,
  LockLostError,
  LockNotHeldError,
  LockQueueFullError,
  LockReentryError,
  LockShutdownError,
  printable,
  quoted,
  quotedList,
} from '../../lib/errors/index.js';
import { logEvents } from '../../lib/module/lock-event.logger.js';
import {
  describe as doing,
  downError,
  silentError,
  storeError,
} from '../../lib/stores/redis/errors/redis-errors.js';
import { KeyNames } from '../../lib/stores/redis/naming/key-names.js';
import { LockControls, memoryLocks } from '../../lib/testing/index.js';
import { readLib } from '../support/architecture.js';

const FORGED = 'order:1\n[Nest] 1 - LOG forged\r\u001b[31mred\u009b1m\u2028\u2029\u0085\u0000';
const BIDI = 'user:\u202etxt.exe\u2066\u200f\ufeff\u{e0041}"\\ \ud83d';
const HUGE = 'k'.repeat(1 << 20);

/** Characters that end a text line, control a terminal, or reverse the direction of the text after them. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

const thrownBy = (work: () => unknown): Error => {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('The work did not throw.');
};

const ERRORS: ReadonlyArray<[string, (key: string) => Error]> = [
  ['busy', (key) => new LockBusyError(key, 0)],
  ['busy, after a wait', (key) => new LockBusyError(key, 5)],
  ['busy, with a holder', (key) => new LockBusyError('k', 5, key)],
  ['queue full', (key) => new LockQueueFullError(key, 3)],
  ['lost', (key) => new LockLostError(key, 'expired', 5)],
  ['aborted', (key) => new LockAbortedError(key, 5, new Error())],
  ['re-entry', (key) => new LockReentryError(key)],
  ['not held', (key) => new LockNotHeldError(key)],
  ['shutdown', (key) => new LockShutdownError(key)],
  [
    'deadlock',
    (key) => new LockDeadlockError(key, [{ holds: Array(5_000).fill(key), wants: key, site: undefined }]),
  ],
  ['another kind', (key) => kindConflict(key, SHARED, 'semaphore')],
  ['a semaphore', (key) => kindConflict(key, { kind: 'semaphore', limit: 2 }, 'exclusive')],
  ['the store failed', (key) => storeError(doing('requesting', key), new Error('OOM'))],
  [
    'the store failed, with the key in its reply',
    (key) => storeError('requesting', new Error(`ERR unknown command, with args: ${key}`)),
  ],
  ['the store is silent', (key) => silentError(doing('requesting', key), 5)],
  ['the store is down', (key) => downError(doing('requesting', key), new Error(key), false)],
  ['a reserved key', (key) => thrownBy(() => new KeyNames('lock:', '', false).of(`~nl:${key}`))],
  ['a template', (key) => thrownBy(() => parseTemplate(`${key}{`))],
  ['a template in plain quotes', (key) => thrownBy(() => parseTemplate(`${key}\${id}`))],
  ['a placeholder', (key) => thrownBy(() => parseTemplate(`a:{${key.replaceAll(/\s/g, '')}}`))],
  ['a value', (key) => thrownBy(() => keyPart(undefined, { template: key, path: '{0}' }))],
  ['a key that is half a character', (key) => thrownBy(() => normaliseKeys([`\udc00${key}`]))],
];

describe.each(ERRORS)('given the error message: %s', (_name, make) => {
  it.each([
    ['a key with a newline forges no log message, and controls no terminal', FORGED],
    ['a key with bidirectional controls is shown in its own order', BIDI],
    ['a key of 1 MB is cut', HUGE],
  ])('then %s', (_title, key) => {
    const { message } = make(key);
    expect(message).not.toMatch(UNPRINTABLE);
    expect(message.length).toBeLessThan(4_000);
  });
});

describe('given a key in an error', () => {
  it('then the field of the error has the raw key, for code', () => {
    for (const [, make] of ERRORS.slice(0, 2)) expect(make(FORGED)).toMatchObject({ key: FORGED });
    expect(new LockBusyError('k', 0, FORGED)).toMatchObject({ holder: FORGED });
  });

  it('then an ordinary key is shown unchanged', () => {
    expect(new LockBusyError('order:7', 0, 'host:1').message).toBe(
      'The lock "order:7" is busy (held by "host:1"). Try again later, or give "wait" to wait for it.',
    );
  });

  it('then a holder without an expiry is no lock of this library, and waiting is not advised', () => {
    for (const waited of [0, 150]) {
      const { message } = new LockBusyError('order:7', waited, undefined, Infinity);
      expect(message).toMatch(
        /^The lock "order:7" (is busy|stayed busy for 150 ms)\. Its holder has no expiry/,
      );
      expect(message).toMatch(/"npx nestjs-locked release" or LockService\.forceRelease\(\)\.$/);
      expect(message).not.toMatch(/raise "wait"|give "wait"/);
    }
  });

  it('then the stack of a deadlock error shows the keys of its waits escaped', () => {
    const link = { holds: ['a'], wants: FORGED, site: '    at here' };
    const { stack } = new LockDeadlockError('a', [link, link]);
    expect(stack?.split('\n').filter((text) => text.startsWith('[Nest]'))).toEqual([]);
  });
});

describe('given a message of Redis or of ioredis in an error', () => {
  it.each([
    [
      "Stream isn't writeable and enableOfflineQueue options is false",
      /options is false\. Whether the lock is free is not known\.$/,
    ],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', /kind of value\. The key of the/],
    ["OOM command not allowed when used memory > 'maxmemory'.", /> 'maxmemory'\. Redis is out of memory/],
  ])('then the sentence of %s ends before the cure begins', (said, message) => {
    expect(storeError(doing('requesting', 'a'), new Error(said)).message).toMatch(message);
  });
});

describe('given a log message about a key', () => {
  const logged: string[] = [];
  const sink = logEvents({ warn: (message: string) => void logged.push(message) }, () => false);
  afterEach(() => void logged.splice(0));

  it.each([FORGED, BIDI, HUGE])('then the key is quoted, escaped and cut (%#)', (key) => {
    sink({ name: 'lost', key, error: new LockLostError(key, 'expired', 5) });
    sink({ name: 'long-hold', key, held: 61_000 });
    // A store that the application wrote may fail with any text.
    sink({ name: 'store-error', key, error: new Error(`failed for ${key}`) });
    expect(logged).toHaveLength(3);
    for (const message of logged) {
      expect(message).not.toMatch(UNPRINTABLE);
      expect(message.length).toBeLessThan(2_000);
    }
  });
});

describe('given a label of a holder', () => {
  it('then escape sequences in it do not reach the error of a caller that finds the key busy', async () => {
    const controls = new LockControls();
    const locks = memoryLocks(controls);
    const sessionId = newSessionId();
    const session = controls.store.open(sessionId, {
      onGrant: () => undefined,
      onReconnected: () => undefined,
      onRecovered: () => undefined,
    });
    const token = new TokenGenerator(sessionId, '\u001b[2Jhost\n').next();
    await session.exchange({ key: 'k', acquire: { token, ttl: 30_000, fences: 1, mode: 'once' } });
    const error = await locks.acquire('k', { wait: 0 }).catch((thrown: LockError) => thrown);
    expect(error).toMatchObject({ code: 'LOCK_BUSY' });
    expect((error as LockError).message).not.toMatch(UNPRINTABLE);
  });
});

describe('given a text that is quoted', () => {
  it.each([
    ['a', '"a"'],
    ['', '""'],
    ['say "hi"\\', '"say \\"hi\\"\\\\"'],
    ['é😀', '"é😀"'],
    ['a\nb\tc\u001b', '"a\\nb\\tc\\u001b"'],
    ['\u202e', '"\\u202e"'],
    ['\u{e0041}', '"\\u{e0041}"'],
    ['x'.repeat(121), `"${'x'.repeat(120)}…" (121 characters)`],
    // The cut is never in the middle of a character.
    [`${'x'.repeat(119)}😀y`, `"${'x'.repeat(119)}…" (122 characters)`],
  ])('then %j is shown as %s', (text, shown) => {
    expect(quoted(text)).toBe(shown);
  });

  it('then short keys stay distinct, and no key has an unprintable character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 20 }),
        fc.string({ unit: 'binary', maxLength: 20 }),
        (a, b) => {
          expect(quoted(a) === quoted(b)).toBe(a === b);
          expect(quoted(a)).not.toMatch(UNPRINTABLE);
        },
      ),
    );
  });

  it('then a long list shows ten keys and the number of the others', () => {
    expect(quotedList(['a', 'b'])).toBe('"a", "b"');
    expect(quotedList(Array(12).fill('a'))).toMatch(/^("a", ){9}"a" and 2 more$/);
  });

  it('then the text of another library is escaped and cut, without quotes', () => {
    expect(printable('ERR "x"\n')).toBe('ERR "x"\\n');
    expect(printable('x'.repeat(2_000))).toHaveLength(1_001);
  });
});

describe('given the source of this library', () => {
  it('then no key or label is put between quotes by hand', () => {
    const byHand = /"\$\{[^}]*(key|holder|label|owner|template|wants|first)\b[^}]*\}"/i;
    const found = [...readLib()].flatMap(([file, text]) =>
      text.split('\n').flatMap((code, at) => (byHand.test(code) ? [`${file}:${at + 1}`] : [])),
    );
    expect(found).toEqual([]);
    // The engine quotes keys by the function.
    const quoting = [...readLib()].filter(([, text]) => /quoted\((this\.)?key\)/.test(text));
    expect(quoting.map(([file]) => file)).toContainEqual(expect.stringMatching(/^lib\/core\/engine\//));
  });
});
