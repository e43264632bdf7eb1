/** A child process that ends when this process ends, also by a signal, a crash or SIGKILL. */
import { spawn } from 'node:child_process';

export interface TiedProcess {
  readonly pid: number;
  /** The last part of the output of the process. */
  readonly output: string;
  /** Resolves with the first match of the output. Rejects if the process ends first, or after `within` ms. */
  says(pattern: RegExp, within: number): Promise<RegExpExecArray>;
  /** Ends the process, kills it after 5 s, and waits until it has ended. Idempotent. */
  stop(): Promise<void>;
}

/**
 * The shell starts a watcher in the background and becomes the program. The watcher reads a pipe from this process.
 * When this process ends, the system closes the pipe, and the watcher ends the program. So this process needs no exit
 * hook.
 */
const TIED = 'exec 3<&0 </dev/null; (read -r _; kill "$$") <&3 3<&- >/dev/null 2>&1 & exec "$@" 3<&-';

/** The longest kept output, in characters. */
const LONGEST_OUTPUT = 20_000;
/** The time between the two signals of `stop`, in ms. */
const KILL_AFTER = 5_000;

export function startTied(program: string, args: readonly string[], env = process.env): TiedProcess {
  const child = spawn('/bin/sh', ['-c', TIED, 'sh', program, ...args], {
    env,
    // Ctrl-C reaches a whole process group, and the server must not end before the requests that still use it.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  const read = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-LONGEST_OUTPUT));
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  child.stdin.on('error', () => undefined);
  // The event 'close' comes when all output has been read. The event 'exit' may come earlier.
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(`it ended with ${code ?? signal}`));
  });

  return {
    pid: child.pid ?? 0,
    get output() {
      return output;
    },
    says(pattern, within) {
      return new Promise((resolve, reject) => {
        const end = () => {
          clearTimeout(late);
          child.stdout.off('data', check);
        };
        const check = () => {
          const found = pattern.exec(output);
          if (found === null) return;
          end();
          resolve(found);
        };
        const fail = (why: string) => {
          end();
          reject(new Error(`${program} did not start: ${why}.\n${output}`));
        };
        const late = setTimeout(() => fail(`it was not ready within ${within} ms`), within);
        child.stdout.on('data', check);
        void gone.then(fail);
        check();
      });
    },
    async stop() {
      child.stdin.destroy();
      const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER);
      await gone;
      clearTimeout(kill);
    },
  };
}
