/** A child process that ends when this one does, however that happens: a signal, a crash, even SIGKILL. */
import { spawn } from 'node:child_process';

export interface TiedProcess {
  readonly pid: number;
  /** The last of what it has written. */
  readonly output: string;
  /** Resolves with the match when its output matches. Rejects when it ends before, or after `within` ms. */
  says(pattern: RegExp, within: number): Promise<RegExpExecArray>;
  /** Requests it to end, insists after 5 s, and waits until it has gone. Idempotent. */
  stop(): Promise<void>;
}

/**
 * The shell leaves a watcher behind and becomes the program. The watcher reads a pipe whose other end is ours: the
 * system closes that when we have gone, and the watcher then ends the program. No hook of ours is needed for it.
 */
const TIED = 'exec 3<&0 </dev/null; (read -r _; kill "$$") <&3 3<&- >/dev/null 2>&1 & exec "$@" 3<&-';

const OUTPUT_KEPT = 20_000;
const PATIENCE = 5_000;

export function startTied(program: string, args: readonly string[], env = process.env): TiedProcess {
  const child = spawn('/bin/sh', ['-c', TIED, 'sh', program, ...args], {
    env,
    // Ctrl-C goes to a whole group, and a server must outlive the requests that still use it.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  const read = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-OUTPUT_KEPT));
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  child.stdin.on('error', () => undefined);
  // 'close', not 'exit': all of its output has been read then.
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
      const insist = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      await gone;
      clearTimeout(insist);
    },
  };
}
