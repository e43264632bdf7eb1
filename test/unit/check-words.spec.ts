/** The checks of words and of prose, run as `npm run lint` runs them, on files made for it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checks-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a check on a folder of these files; gives what it prints, without the folder's name. */
function check(script: string, files: Record<string, string>, ...options: string[]) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const args = [join(ROOT, 'scripts', script), folder, ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const printed = `${stdout}${stderr}`.replaceAll(/\S*checks-\w+\//g, '');
  return { status, printed: printed.trim().split('\n') };
}

const words = (text: string, name = 'page.md') => check('check-words.mjs', { [name]: text });

describe('the check of words', () => {
  it.each([
    ['const sendTurnBatch = 1;', '"Turn": exchange'],
    ['const MOST_TURNS = 1;', '"TURNS": exchange'],
    ['Callers that stand in line.', '"line": queue (or name the kind of text: log line, text line)'],
    ['The holder gives its lease up.', '"gives its lease up": release'],
    [' * The holder gives\n * up.', '"gives * up": release'],
    ['giveUp()', '"giveUp": release'],
    ['The key is handed over.', '"handed over": hand-off'],
    ['handOver()', '"handOver": hand-off'],
    ['A third-party package.', '"third-party": external'],
    ['A section of 1 ms.', '"section": hold'],
  ])('finds %j', (text, found) => {
    const { status, printed } = words(text);
    expect(status).toBe(1);
    expect(printed[0]).toBe(`page.md:1: ${found}`);
  });

  it.each([
    'return pipeline.deadline; // inline, the gateway, a lookup, a task, a suite',
    'A log line names the key. See section 5 of the RFC, and this section.',
    '// eslint-disable-next-line no-empty',
    'ts.getLineAndCharacterOfPosition(at); getNewLine(); logLines.push(text);',
  ])('lets %j pass', (text) => {
    expect(words(text)).toEqual({ status: 0, printed: [''] });
  });

  it('knows variables that hold text in tests, and no queue of callers', () => {
    const code = "const lines = text.split('\\n').map((line) => line.trim());\nfor (const line of lines) {}";
    expect(words(code, 'test/some.ts').status).toBe(0);
    const prose = `// callers in line, a line of callers\nconst title = 'the first in line';`;
    expect(words(prose, 'test/some.ts').printed).toHaveLength(3 + 1);
    expect(words('const line = 1;', 'lib/queue.ts').status).toBe(1);
  });

  it('reads the names of files', () => {
    const { printed } = words('nothing', 'lib/turn-batch.ts');
    expect(printed[0]).toBe('lib/turn-batch.ts: file name "turn": exchange');
  });

  it('counts a word beside an allowed one', () => {
    const { printed } = words('fine\nA log line, and a line of callers.');
    expect(printed.slice(0, -1)).toEqual([expect.stringMatching(/^page\.md:2: "line": /)]);
  });
});

describe('the check of prose', () => {
  const plain = 'The store keeps the key. '.repeat(120);
  const prose = (files: Record<string, string>, ...options: string[]) =>
    check('check-prose.mjs', files, ...options);

  it('names each place, and fails at one in a thousand words', () => {
    const { status, printed } = prose({ 'page.md': `${plain}\nA caller who\nwaits.` });
    expect(status).toBe(1);
    expect(printed).toEqual([
      'page.md:2: "who": repeat the noun ("a caller that …")',
      '1 in 604 words over all; there must be fewer than 1 in 1000.',
    ]);
    expect(prose({ 'more.md': plain })).toEqual({ status: 0, printed: expect.anything() });
  });

  it('fails where one long page has more than one in five hundred', () => {
    const { status, printed } = prose({
      'a.md': plain.repeat(8),
      'b.md': `${plain} None that, but\nfor two.`,
    });
    expect(status).toBe(1);
    expect(printed.at(-1)).toBe('b.md: 2 in 605 words; at most 1 in 500.');
  });

  it('reads comments, and neither code nor strings', () => {
    const files = {
      'a.ts':
        "const who = 'whose'; // a `who` is code\n/**\n * For want\n * of time.\n */\nconst re = /\\/* whom/;",
      'b.lua': "local text = '-- who' -- whoever",
      'c.pml': '/* be it so */ bool who;',
      'd.md': 'Text.\n\n```sh\nwho\n```\n',
    };
    expect(prose(files).printed.slice(0, -1)).toEqual([
      'a.ts:3: "For want of": "because there is no …"',
      'b.lua:1: "whoever": repeat the noun ("a caller that …")',
      'c.pml:1: "be it": "whether … or …"',
    ]);
  });

  it('warns of long sentences, if told to', () => {
    const files = { 'a.ts': `// ${'word '.repeat(20)}\n// ${'word '.repeat(6)}end. Short.` };
    expect(prose(files, '--long')).toEqual({
      status: 0,
      printed: expect.arrayContaining(['a.ts:1: warning: a sentence of 27 words; at most 25']),
    });
  });
});
