/**
 * Worker processes for tests: a TypeScript file runs without a build in its own process, serves calls, and can be
 * paused and killed. The side of the worker is {@link serve} in `child-worker.ts`.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromChild, Handlers, ToChild } from './child-worker.js';
import { endWithUs, letGo } from './watchdog.js';

export interface Child<H extends Handlers = Handlers> {
  readonly pid: number;
  /** The output of the worker on stdout and stderr. */
  readonly output: string;
  /**
   * Calls a handler of the worker. Rejects with its error (name, message, code), if the worker ends, or after `within`
   * ms.
   */
  call<M extends keyof H & string>(method: M, ...args: Parameters<H[M]>): Promise<Awaited<ReturnType<H[M]>>>;
  /** Sends SIGKILL, and waits for the end of the worker. */
  kill(): Promise<void>;
  /** Sends SIGTERM, waits for the end of the worker, and sends SIGKILL after 5 s. Idempotent. */
  stop(): Promise<void>;
  /** Sends SIGSTOP: the worker and its timers stand still until {@link resume}. */
  pause(): void;
  resume(): void;
  /** How the worker ended: the exit code, or the signal. */
  readonly exited: Promise<number | NodeJS.Signals>;
}

interface Call {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts `file`, which calls `serve(handlers)`, and waits until the worker serves.
 * `const child = await startChild<typeof handlers>(new URL('./worker.ts', import.meta.url))`
 */
export async function startChild<H extends Handlers>(
  file: URL,
  options: { args?: readonly string[]; env?: Record<string, string>; within?: number } = {},
): Promise<Child<H>> {
  const within = options.within ?? 55_000;
  const child = fork(file, [...(options.args ?? [])], {
    execArgv: ['--enable-source-maps', '--import', REGISTER],
    env: { ...process.env, ...options.env },
    // Ctrl-C in the terminal must reach the tests alone. They end their children themselves.
    detached: true,
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const callOff = child.pid === undefined ? () => undefined : endWithUs(child.pid);
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => {
      callOff();
      resolve(code ?? signal!);
    });
  });

  const calls = new Map<number, Call>();
  let count = 0;
  function request(what: string, send: (id: number) => void): Promise<unknown> {
    const id = count++;
    return new Promise<unknown>((resolve, reject) => {
      const late = setTimeout(
        () => calls.get(id)?.reject(new Error(`${what}: no answer in time.\n${output}`)),
        within,
      );
      const settled = () => {
        clearTimeout(late);
        calls.delete(id);
      };
      calls.set(id, {
        resolve: (result) => (settled(), resolve(result)),
        reject: (error) => (settled(), reject(error)),
      });
      send(id);
    });
  }
  function fail(error: Error): void {
    for (const call of calls.values()) call.reject(error);
  }
  child.on('message', (message) => {
    const { id, result, error } = message as FromChild;
    if (error === undefined) calls.get(id)?.resolve(result);
    else calls.get(id)?.reject(Object.assign(new Error(error.message), error));
  });
  child.once('error', fail);
  child.once('close', (code, signal) =>
    fail(new Error(`The child ended with ${code ?? signal}.\n${output}`)),
  );

  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(name);
  };
  const handle: Child<H> = {
    pid: child.pid!,
    get output() {
      return output;
    },
    call<M extends keyof H & string>(method: M, ...args: Parameters<H[M]>) {
      const reply = request(`${method}()`, (id) => child.send({ id, method, args } satisfies ToChild));
      return reply as Promise<Awaited<ReturnType<H[M]>>>;
    },
    async kill() {
      signal('SIGKILL');
      child.ref();
      await exited;
    },
    async stop() {
      signal('SIGTERM');
      signal('SIGCONT');
      const insist = setTimeout(() => signal('SIGKILL'), 5_000);
      child.ref();
      await exited;
      clearTimeout(insist);
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    exited,
  };
  try {
    // The first message of the worker has the id 0. It says that the worker serves.
    await request(`Starting ${fileURLToPath(file)}`, () => undefined);
  } catch (error) {
    if (child.pid !== undefined) await handle.kill();
    throw error;
  }
  letGo(child);
  return handle;
}

const REGISTER = new URL('./ts-register.mjs', import.meta.url).href;
