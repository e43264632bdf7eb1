/** The steps of the package's check. Each step is run, timed and reported. If a step fails, the other steps go on. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, isDeepStrictEqual } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const results: Array<{ readonly name: string; readonly error?: string }> = [];

/** Runs a step and reports it. @returns undefined if it fails, so that its caller leaves out the steps that need it. */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  try {
    const result = await work();
    results.push({ name });
    console.log(`ok      ${name} (${seconds()})`);
    return result;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    results.push({ name, error: message });
    console.log(`FAILED  ${name} (${seconds()})\n${message.replace(/^/gm, '        ')}`);
    return undefined;
  }
}

/** Prints the summary of the check. @returns the exit code. */
export function summary(): number {
  const failed = results.filter(({ error }) => error !== undefined).length;
  console.log(`The package: ${results.length - failed} steps passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
}

/** Runs a program to its end. @returns its standard output. If it does not exit with 0, the error has all its output. */
export function run(command: string, args: readonly string[], { cwd, env }: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...cleanEnv(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else
        reject(
          new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}:\n${output.slice(-8000)}`),
        );
    });
  });
}

/** Runs a program to its end. @returns the JSON value in the last text line of its output. */
export async function printed(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<unknown> {
  const output = await run(command, args, options);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '');
}

/** The environment without the variables that `npm run` sets for this package. With them, npm would install into it. */
export function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_(package|lifecycle|command)|INIT_CWD|NODE_OPTIONS)/.test(name),
    ),
  );
}

export const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name);

export function same(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) {
    throw new Error(`Expected ${inspect(expected)}, found ${inspect(found)}.`);
  }
}
