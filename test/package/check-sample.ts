/**
 * The built sample application, as `npm start` and `npm run storm` run it. It sells tickets over HTTP and by WebSocket,
 * and its private server ends with it, however it ends. The storm has the right outcome, and leaves nothing behind.
 * `npm run check:sample` runs these checks.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-server.js';
import { endWithUs } from '../support/watchdog.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** `--ignore-scripts`, because `prestart` has run already. */
const START = ['npm', 'start', '--ignore-scripts'];
const MAIN = [process.execPath, 'dist-sample/main.js'];
const STORM = [process.execPath, 'dist-sample/storm/storm.js'];

const READY_WITHIN = 20_000;
const STORM_WITHIN = 30_000;

let failed = 0;

async function step(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(
      `FAILED  ${name}\n${String(error instanceof Error ? error.message : error).replace(/^/gm, '        ')}`,
    );
  }
}

interface Run {
  readonly child: ChildProcess;
  readonly output: string;
  /** Resolves when the program has ended, to its exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** Runs `work` beside a program, and ends the program afterwards if `work` did not. */
async function running(
  [program, ...args]: readonly string[],
  env: Record<string, string>,
  work: (run: Run) => Promise<void>,
): Promise<void> {
  const { REDIS_URL: _, ...inherited } = process.env;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...inherited, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const callOff = endWithUs(child.pid!);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal!));
  });
  const run: Run = {
    child,
    ended,
    get output() {
      return output;
    },
  };
  try {
    await work(run);
  } catch (error) {
    endApplication(output);
    throw new Error(`${(error as Error).message}\nIt wrote:\n${output}`, { cause: error });
  } finally {
    child.kill('SIGKILL');
    await ended;
    callOff();
  }
}

/** Ends an application that lost its npm, so that npm could not pass the signal on. */
function endApplication(output: string): void {
  const [, pid] = /^\[Nest\] (\d+)/m.exec(output) ?? [];
  try {
    if (pid !== undefined) process.kill(Number(pid), 'SIGKILL');
  } catch {
    // The application has ended already.
  }
}

/** Waits until the output matches, and returns the first group of the match. */
function said(run: Run, pattern: RegExp): Promise<string> {
  return eventually(
    () => {
      const [, found] = pattern.exec(run.output) ?? [];
      if (found === undefined) throw new Error(`It did not say ${pattern}.`);
      return found;
    },
    { within: READY_WITHIN, every: 20 },
  );
}

function same(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) {
    throw new Error(`Expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}.`);
  }
}

/** Whether a server listens. A container may keep a process id long after its process, so the port is tested. */
function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}

async function sellOne(base: string): Promise<void> {
  const put = await fetch(`${base}/events/hamlet`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"capacity":1}',
  });
  same(put.status, 200);
  const bought = await fetch(`${base}/events/hamlet/tickets`, { method: 'POST' });
  same(bought.status, 201);
  const { seat, fence } = (await bought.json()) as { seat: number; fence: number };
  same([seat, Number.isSafeInteger(fence)], [1, true]);
  same((await fetch(`${base}/events/hamlet/tickets`, { method: 'POST' })).status, 409);
  // More receipts at a time than there are printers.
  const receipts = Array.from({ length: 5 }, () => fetch(`${base}/events/hamlet/tickets/1/receipt`));
  const printed = await Promise.all((await Promise.all(receipts)).map((receipt) => receipt.text()));
  same(printed, Array(5).fill('hamlet: seat 1, paid\n'));
  const view = await fetch(`${base}/events/hamlet`);
  same(await view.json(), { id: 'hamlet', capacity: 1, sold: 1, oversold: 0 });
  const health = (await (await fetch(`${base}/health`)).json()) as { status: string; info: object };
  same([health.status, Object.keys(health.info)], ['ok', ['locks', 'tickets']]);
}

async function sellToGroup(socket: WebSocket, base: string): Promise<void> {
  const put = await fetch(`${base}/events/macbeth`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"capacity":4}',
  });
  same(put.status, 200);
  const request = async (): Promise<{ event: string; data: unknown }> => {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(READY_WITHIN) });
    socket.send('{"event":"group","data":{"id":"macbeth","size":3}}');
    const [text] = (await answer) as [Buffer];
    return JSON.parse(text.toString()) as { event: string; data: unknown };
  };
  const { event, data } = await request();
  same(event, 'tickets');
  same(
    (data as Array<{ seat: number }>).map(({ seat }) => seat),
    [1, 2, 3],
  );
  same((await request()).event, 'exception');
}

/** Sells some tickets, then sends `signal` to the started program while a client is still connected. */
async function endsItsServer(
  command: readonly string[],
  signal: NodeJS.Signals,
  path: string,
): Promise<void> {
  await running(command, { PORT: '0', PATH: path }, async (run) => {
    const redis = Number(await said(run, /private redis-server on port (\d+)/));
    const base = await said(run, /is open at (http:\S+)/);
    await sellOne(base);
    const socket = new WebSocket(`${base.replace('http', 'ws')}/live`);
    socket.on('error', () => undefined); // The socket is cut when the application is killed.
    await once(socket, 'open');
    await sellToGroup(socket, base);
    const listening = async () => [await isListening(Number(new URL(base).port)), await isListening(redis)];
    same(await listening(), [true, true]);
    run.child.kill(signal);
    const result = await run.ended;
    if (command === MAIN) same(result, signal === 'SIGKILL' ? signal : 0);
    await eventually(async () => same(await listening(), [false, false]));
    socket.terminate();
  });
}

const temp = await mkdtemp(join(tmpdir(), 'nestjs-locked-sample-'));
const callOffTemp = endWithUs(process.pid, temp);
try {
  // The application finds a server on PATH alone.
  const given = process.env.LOCK_TEST_SERVER;
  if (given) await symlink(given, join(temp, 'redis-server'));
  const path = [temp, process.env.PATH ?? ''].join(delimiter);

  await step('given npm start and SIGTERM, then it sells tickets, and ends with its server', () =>
    endsItsServer(START, 'SIGTERM', path),
  );
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
    await step(`given ${signal}, then the application ends with its server`, () =>
      endsItsServer(MAIN, signal, path),
    );
  }

  const redis = await startRedis();
  const client = redis.client();
  /** The number of connections besides that of this check. Each instance has two. */
  const connections = async () =>
    String(await client.call('CLIENT', 'LIST', 'TYPE', 'normal'))
      .trim()
      .split('\n').length - 1;
  try {
    await step('given no server, then the application keeps its tickets in memory', () =>
      running(MAIN, { PORT: '0', PATH: '' }, async (run) => {
        await said(run, /(in the memory of this process)/);
        same((await fetch(`${await said(run, /is open at (http:\S+)/)}/health`)).status, 200);
      }),
    );
    await step('given the storm, then its outcome is right, and nothing is left behind', () =>
      running(STORM, { REDIS_URL: redis.url }, async (run) => {
        const late = setTimeout(() => run.child.kill('SIGKILL'), STORM_WITHIN);
        const result = await run.ended;
        clearTimeout(late);
        same(result, 0);
        await said(run, /(sold once)/);
        await eventually(async () => same(await connections(), 0));
        console.log(run.output.trim().replace(/^/gm, '        '));
      }),
    );
    await step('given a storm that is killed, then nothing is left behind', () =>
      running(STORM, { REDIS_URL: redis.url }, async (run) => {
        await eventually(async () => same((await connections()) >= 4, true), {
          within: READY_WITHIN,
          every: 20,
        });
        run.child.kill('SIGKILL');
        await run.ended;
        await eventually(async () => same(await connections(), 0), { within: READY_WITHIN, every: 20 });
      }),
    );
  } finally {
    await redis.stop();
  }
} finally {
  callOffTemp();
  await rm(temp, { recursive: true, force: true });
}
console.log(
  failed === 0
    ? 'The sample application: all steps passed'
    : `The sample application: ${failed} steps FAILED`,
);
process.exitCode = failed === 0 ? 0 : 1;
